package reactions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/eventstore"
)

// Alerts mails the owners of a workspace when somebody reached its limit of reveals. All fields are required.
type Alerts struct {
	Run    *commands.Runner
	Mailer Mailer
	Logger *slog.Logger
}

// Name is that of its checkpoint.
func (Alerts) Name() string { return "mail-alerts" }

// Kinds are those it reads.
func (Alerts) Kinds() []string { return []string{domain.RevealsKind} }

const alertFor = 24 * time.Hour // later, nobody is alarmed any more

// React mails every owner who has an address, trying for a day. A crash meanwhile mails once more: the same mails.
func (a Alerts) React(ctx context.Context, e domain.Recorded) {
	reached, ok := e.Event.(reveal.LimitReached)
	if !ok {
		return
	}
	told := map[string]bool{}
	untilSent(ctx, a.Run, e.At.Add(alertFor), a.Logger, func(ctx context.Context) error { return a.tell(ctx, e, reached, told) })
}

// tell mails the owners who were not told yet. One who cannot be reached holds up no other.
func (a Alerts) tell(ctx context.Context, e domain.Recorded, reached reveal.LimitReached, told map[string]bool) error {
	if err := a.Run.Index.Wait(ctx, eventstore.Position(e.Position)); err != nil {
		return err
	}
	var owners []string
	a.Run.Index.View(func(f live.Facts) { owners = f.Access.Owners(e.Meta.Workspace) })
	var failed error
	for _, id := range owners {
		if told[id] {
			continue
		}
		switch err := a.mail(ctx, e, reached, id); {
		case err == nil:
			told[id] = true
		case permanent(err):
			told[id] = true
			a.Logger.ErrorContext(ctx, "an owner cannot be alerted", "event", e.ID, "err", err)
		default:
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

func (a Alerts) mail(ctx context.Context, e domain.Recorded, reached reveal.LimitReached, owner string) error {
	to, err := a.profile(ctx, e.Meta.Workspace, owner)
	if err != nil || to.Email == "" {
		return err
	}
	who, err := a.profile(ctx, e.Meta.Workspace, reached.Member)
	if err != nil {
		return err
	}
	name := who.Name
	if name == "" {
		name = "the service account " + reached.Member
	}
	return a.Mailer.Send(ctx, Mail{
		ID: uuid.NewSHA1(e.ID, []byte(owner)), To: to.Email, Subject: "Client Secrets: a limit of reveals was reached",
		Text: fmt.Sprintf(limitText, to.Name, name, reached.Limit, e.At.UTC().Format(timeInMails)),
	})
}

// profile is that of a member; empty if there is none.
func (a Alerts) profile(ctx context.Context, workspace uuid.UUID, id string) (member.Profile, error) {
	m, err := commands.Load(ctx, a.Run, workspace, members.Aggregate(workspace, id))
	if err != nil || !m.Exists || m.Erased {
		return member.Profile{}, err
	}
	return m.Profile, nil
}

const limitText = `Hello %s,

%s has reached the limit of %d reveals an hour, at %s.
Further reveals are refused for now.

If that is not what their work calls for, somebody else may be using their sign-in
or key: take it from them, then look at what was revealed and replace those values.
`
