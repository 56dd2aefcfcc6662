package reactions

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/kdesk/client-secrets/commands"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/member"
)

// AddressChanges tells whoever reads a member's former mail address that it was changed, so that they can object. All
// fields are required.
type AddressChanges struct {
	Run    *commands.Runner
	Mailer Mailer
	Logger *slog.Logger
}

// Name is that of its checkpoint.
func (AddressChanges) Name() string { return "mail-address-changes" }

// Kinds are those it reads.
func (AddressChanges) Kinds() []string { return []string{domain.MemberKind} }

// React sends the notice of a changed address, trying for as long as it is of use: until codes are sent to the new one.
// Older changes, as met by an installation that mails for the first time, are left alone.
func (a AddressChanges) React(ctx context.Context, e domain.Recorded) {
	now, ok := e.Event.(member.Synced)
	if !ok {
		return
	}
	until := e.At.Add(access.AddressHold)
	untilSent(ctx, a.Run, until, a.Logger.With("event", e.ID), func(ctx context.Context) error {
		before, err := commands.LoadBefore(ctx, a.Run, e.Meta.Workspace, members.Aggregate(e.Meta.Workspace, now.ID), e.Revision)
		if err != nil || !moved(before, now) {
			return err
		}
		return a.Mailer.Send(ctx, addressMail(e, before.Profile, until))
	})
}

// moved tells whether a member who had an address has another one now, or none.
func moved(before member.State, now member.Synced) bool {
	return before.Exists && !before.Erased && before.Incarnation == max(now.Incarnation, 1) &&
		before.Profile.Email != "" && before.Profile.Email != domain.ErasedText && !bytes.Equal(before.Profile.EmailHash, now.EmailHash)
}

const addressText = `Hello %s,

the directory of your workspace no longer has this mail address for you.
Verification codes of Client Secrets will not be sent here any more, and until
%s they are not sent to another address either.

If you did not expect this, tell an owner of your workspace before then:
somebody may be trying to read secrets in your name.
`

// addressMail does not name the new address: the former one may be read by others by now.
func addressMail(e domain.Recorded, before member.Profile, until time.Time) Mail {
	return Mail{
		ID: e.ID, To: before.Email, Subject: "Your mail address for Client Secrets was changed",
		Text: fmt.Sprintf(addressText, before.Name, until.UTC().Format(timeInMails)),
	}
}
