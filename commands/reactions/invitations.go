package reactions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/invitation"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
)

// Invitations mails invitations to members. All fields are required.
type Invitations struct {
	Run    *commands.Runner
	Tokens *invitation.Tokens
	Mailer Mailer
	Logger *slog.Logger
}

// Name is that of its checkpoint.
func (Invitations) Name() string { return "mail-invitations" }

// Kinds are those it reads.
func (Invitations) Kinds() []string { return []string{domain.MemberKind} }

const inviteFor = 24 * time.Hour // an invitation that could not be sent for so long is not sent any more

// React sends an invitation, trying for a day. One that is over is left alone. A crash after the mail was taken and before
// the checkpoint sends it once more: the same mail with the same token.
func (i Invitations) React(ctx context.Context, e domain.Recorded) {
	asked, ok := e.Event.(member.Invited)
	if !ok {
		return
	}
	useful := e.At.Add(min(inviteFor, asked.ExpiresAt.Sub(e.At)))
	untilSent(ctx, i.Run, useful, i.Logger.With("invitation", asked.Invitation), func(ctx context.Context) error {
		return i.deliver(ctx, e, asked)
	})
}

// deliver sends an invitation if it is still open. One that the mail server refuses for good is ended.
func (i Invitations) deliver(ctx context.Context, e domain.Recorded, asked member.Invited) error {
	ws, a := e.Meta.Workspace, members.Aggregate(e.Meta.Workspace, asked.ID)
	s, err := commands.Load(ctx, i.Run, ws, a)
	if err != nil || s.Invitation == nil || s.Invitation.ID != asked.Invitation {
		return err
	}
	token, err := i.Tokens.Of(ctx, ws, asked.ID, *s.Invitation)
	if err != nil {
		return err
	}
	err = i.Mailer.Send(ctx, invitationMail(asked, s.Profile, token))
	if !permanent(err) {
		return err
	}
	req := commands.Request{Workspace: ws, Actor: domain.Actor{Kind: domain.System}, Correlation: e.Meta.Correlation}
	_, noted := commands.Run(ctx, i.Run, req, uuid.NewSHA1(e.ID, []byte("ended")), a, func(s member.State) ([]domain.Event, error) {
		return member.EndInvitation(s, asked.Invitation, member.Undeliverable)
	})
	return errors.Join(err, noted)
}

const invitationText = `Hello %s,

an owner of your workspace invites you to Client Secrets. To accept, sign in
with your own account where you use it, and enter this invitation:

%s

It is valid once, until %s. Whoever enters it becomes
you there: do not pass it on. If you did not expect it, leave it alone.
`

// invitationMail has the token as text to be entered, not as a link: addresses are kept in histories and logs.
func invitationMail(asked member.Invited, to member.Profile, token invitation.Token) Mail {
	return Mail{
		ID: asked.Invitation, To: to.Email, Subject: "You are invited to Client Secrets",
		Text: fmt.Sprintf(invitationText, to.Name, string(token), asked.ExpiresAt.UTC().Format(timeInMails)),
	}
}
