package reactions

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	members "github.com/kdesk/client-secrets/commands/member"
	codes "github.com/kdesk/client-secrets/commands/verification"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/verification"
)

// Codes mails verification codes to those who asked for them. All fields are required.
type Codes struct {
	Run    *commands.Runner
	Codes  *codes.Codes
	Mailer Mailer
	Logger *slog.Logger
}

// Name is that of its checkpoint.
func (Codes) Name() string { return "mail-codes" }

// Kinds are those it reads.
func (Codes) Kinds() []string { return []string{domain.VerificationKind} }

// React sends the code of a challenge, trying until it expires. One that is over, or was sent before, is left alone. A
// crash after the mail was taken and before that is on record sends it once more: the same mail with the same code.
func (c Codes) React(ctx context.Context, e domain.Recorded) {
	asked, ok := e.Event.(verification.Requested)
	if !ok {
		return
	}
	for wait := firstRetry; ; wait = min(2*wait, retryAtMost) {
		if !c.Run.Now().Before(asked.ExpiresAt) {
			c.Logger.DebugContext(ctx, "a verification code had expired before it could be sent", "challenge", asked.Challenge)
			return
		}
		err := c.deliver(ctx, e, asked)
		if err == nil || ctx.Err() != nil {
			return
		}
		c.Logger.ErrorContext(ctx, "a verification code was not sent", "challenge", asked.Challenge, "err", err)
		if permanent(err) && c.note(ctx, e, asked, "ended", func(s verification.State) ([]domain.Event, error) {
			return verification.End(s, asked.Challenge, asked.Member, verification.Undeliverable)
		}) == nil {
			return
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// deliver sends the code if it is still wanted.
func (c Codes) deliver(ctx context.Context, e domain.Recorded, asked verification.Requested) error {
	ctx, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	to, wanted, err := c.recipient(ctx, e, asked)
	if err != nil || !wanted {
		return err
	}
	code, err := c.Codes.Of(ctx, e.Meta.Workspace, asked.Member, asked.Challenge, asked.KeyID)
	if err != nil {
		return err
	}
	if err := c.Mailer.Send(ctx, codeMail(asked, to, code)); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), recordTimeout) // also when the process is about to end
	defer cancel()
	err = c.note(ctx, e, asked, "sent", func(s verification.State) ([]domain.Event, error) {
		return verification.Sent(s, asked.Challenge, asked.Member, c.Run.Now())
	})
	if err != nil {
		c.Logger.WarnContext(ctx, "that a code was sent is not on record", "challenge", asked.Challenge, "err", err)
	}
	return nil
}

// recipient returns whom the code is for, as the directory knows them now. It is not wanted any more if the challenge is
// over: a changed address must not get a code that was asked for under the one before.
func (c Codes) recipient(ctx context.Context, e domain.Recorded, asked verification.Requested) (member.Profile, bool, error) {
	ws := e.Meta.Workspace
	m, err := commands.Load(ctx, c.Run, ws, members.Aggregate(ws, asked.Member))
	if err != nil {
		return member.Profile{}, false, err
	}
	s, err := commands.Load(ctx, c.Run, ws, codes.Aggregate(ws, asked.Member))
	if err != nil {
		return member.Profile{}, false, err
	}
	head, err := c.Run.Log.Head(ctx) // what was loaded is before it
	if err != nil {
		return member.Profile{}, false, err
	}
	if err := c.Run.Index.Wait(ctx, head); err != nil {
		return member.Profile{}, false, err
	}
	var pending bool
	c.Run.Index.View(func(f live.Facts) { pending = f.Access.Pending(ws, asked.Member, asked.Challenge) })
	made, known := s.Find(asked.Challenge)
	return m.Profile, pending && known && made.Open() && !made.Sent && m.Exists && !m.Erased && m.Profile.Email != "", nil
}

// note records an outcome, once: a repetition finds it.
func (c Codes) note(ctx context.Context, e domain.Recorded, asked verification.Requested, what string, decide func(verification.State) ([]domain.Event, error)) error {
	req := commands.Request{Workspace: e.Meta.Workspace, Actor: domain.Actor{Kind: domain.System}, Correlation: e.Meta.Correlation}
	_, err := commands.Run(ctx, c.Run, req, uuid.NewSHA1(e.ID, []byte(what)), codes.Aggregate(e.Meta.Workspace, asked.Member), decide)
	return err
}

const codeText = `Hello %s,

this code unlocks revealing Client Secrets for a while:

    %s

It is valid until %s and only where it was asked for.

If you did not ask for it, somebody else may be using your sign-in: do not pass
the code on, and tell your administrator.
`

// codeMail has the code in its text only: subjects are shown on locked screens.
func codeMail(asked verification.Requested, to member.Profile, code codes.Code) Mail {
	return Mail{
		ID: asked.Challenge, To: to.Email, Subject: "Your verification code for Client Secrets",
		Text: fmt.Sprintf(codeText, to.Name, string(code), asked.ExpiresAt.UTC().Format(timeInMails)),
	}
}
