// Package verification carries out the commands of the codes that unlock reveals: asking for one, trying one, and locking
// again. It sends nothing: a reaction does, from what is recorded here.
//
// A try is on record before its code is compared, in the one stream that all tries of a member are in, at an exact
// revision. So however many requests, sessions and instances guess at the same time, none compares a code that the budget
// does not cover; and a crash costs a try, never gives one.
package verification

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/verification"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Refusals of verification.
var (
	ErrMailUnavailable = domain.Refuse(domain.Unavailable, "mail_unavailable", "codes cannot be sent: this installation has no mail server (SMTP_URL)")
	errNoAddress       = domain.Refuse(domain.Conflict, "no_email_address", "you have no mail address that a code could be sent to: ask whoever keeps the directory")
	errNotRequired     = domain.Refuse(domain.Conflict, "verification_not_required", "this workspace does not ask for a code")
	errModuleOff       = domain.Refuse(domain.Forbidden, "module_off", "Client Secrets are switched off in this workspace")
	errServiceAccount  = domain.Refuse(domain.Forbidden, "service_account", "a service account cannot unlock reveals")
	errNoSession       = domain.Refuse(domain.Forbidden, "no_session", "reveals are unlocked for a session, and this request has none")
	errWrongCode       = domain.Refuse(domain.Invalid, "wrong_code", "this is not the code")
)

// WrongCode refuses a code and says how many tries are left.
type WrongCode struct {
	TriesLeft int
}

// Error returns the text.
func (w *WrongCode) Error() string { return errWrongCode.Error() }

// Unwrap returns the refusal.
func (w *WrongCode) Unwrap() error { return errWrongCode }

// Commands are those of verification. All fields are required.
type Commands struct {
	Run   *commands.Runner
	Codes *Codes
	Mails bool // whether codes can be sent
}

// Aggregate returns how a member's verification is found and folded.
func Aggregate(workspace uuid.UUID, member string) commands.Aggregate[verification.State] {
	return commands.Aggregate[verification.State]{
		Stream: domain.DirectoryStream(workspace, domain.VerificationKind, member),
		Evolve: verification.Evolve,
	}
}

// Requested is a code that is on its way.
type Requested struct {
	Challenge uuid.UUID
	SentTo    string // the address, masked
	ExpiresAt time.Time
	Result    commands.Result
}

// Request has a code sent to the member's own address. The code before it is no longer valid.
func (c Commands) Request(ctx context.Context, req commands.Request) (Requested, error) {
	settings, err := c.authorise(req)
	switch {
	case err != nil:
		return Requested{}, err
	case !settings.RevealVerification.Required:
		return Requested{}, errNotRequired
	case !c.Mails:
		return Requested{}, ErrMailUnavailable
	}
	address, err := c.address(ctx, req)
	if err != nil {
		return Requested{}, err
	}
	if err := c.held(ctx, req); err != nil {
		return Requested{}, err
	}
	command := uuid.NewSHA1(req.Command(), []byte("code for "+req.Actor.Session))
	wish := verification.Wish{
		Challenge: commands.NewID(command, 0), Member: req.Actor.ID, Session: req.Actor.Session, KeyID: commands.KeyIDAt(c.Run.Now()),
	}
	if _, err := c.Codes.keys.Get(ctx, wish.KeyID); err != nil {
		return Requested{}, err
	}
	result, err := c.run(ctx, req, command, func(s verification.State) ([]domain.Event, error) {
		return verification.Request(s, wish, c.Run.Now())
	})
	if err != nil {
		return Requested{}, err
	}
	made, err := c.load(ctx, req, wish.Challenge)
	return Requested{wish.Challenge, Mask(address), made.ExpiresAt, result}, err
}

// Unlocked is a session that may reveal.
type Unlocked struct {
	Until  time.Time
	Result commands.Result
}

// Confirm tries a code. The right one unlocks the session that asked for it, for as long as the workspace says; a *WrongCode
// is refused. The request's idempotency key counts for nothing: every comparison is a try of its own.
func (c Commands) Confirm(ctx context.Context, req commands.Request, challenge uuid.UUID, code Code) (Unlocked, error) {
	settings, err := c.authorise(req)
	if err != nil {
		return Unlocked{}, err
	}
	made, err := c.load(ctx, req, challenge)
	if err != nil {
		return Unlocked{}, err
	}
	want, err := c.Codes.Of(ctx, req.Workspace, req.Actor.ID, challenge, made.KeyID)
	if err != nil {
		return Unlocked{}, err // before a try is spent
	}
	if made.Unlocked && made.Session == req.Actor.Session && code.is(want) {
		return c.unlocked(req, commands.Result{}) // the answer was lost
	}
	if err := c.attempt(ctx, req, challenge); err != nil {
		return Unlocked{}, err
	}
	if !code.is(want) {
		return Unlocked{}, c.wrong(ctx, req, challenge)
	}
	return c.unlock(ctx, req, challenge, time.Duration(settings.RevealVerification.UnlockMinutes)*time.Minute)
}

// attempt records a try. Once it returns nil one comparison may follow. It then has also seen everything recorded before
// the try: a challenge whose ground was taken away is ended instead.
func (c Commands) attempt(ctx context.Context, req commands.Request, challenge uuid.UUID) error {
	tried, err := c.run(ctx, req, uuid.New(), func(s verification.State) ([]domain.Event, error) {
		return verification.Attempt(s, challenge, req.Actor.ID, req.Actor.Session, c.Run.Now())
	})
	if err != nil {
		return err
	}
	if err := c.Run.Index.Wait(ctx, tried.Position); err != nil {
		return errors.Join(commands.ErrLogUnavailable, err)
	}
	if c.pending(req, challenge) {
		return nil
	}
	return errors.Join(verification.ErrEnded, c.end(ctx, req, challenge, verification.Withdrawn))
}

// wrong says how many tries are left, and ends a challenge that has none.
func (c Commands) wrong(ctx context.Context, req commands.Request, challenge uuid.UUID) error {
	s, err := commands.Load(ctx, c.Run, req.Workspace, Aggregate(req.Workspace, req.Actor.ID))
	if err != nil {
		return err
	}
	left := verification.TriesLeft(s, challenge, c.Run.Now())
	if made, known := s.Find(challenge); known && len(made.Tries) >= verification.MaxTries {
		if err := c.end(ctx, req, challenge, verification.Exhausted); err != nil {
			return err
		}
	}
	return &WrongCode{TriesLeft: left}
}

func (c Commands) unlock(ctx context.Context, req commands.Request, challenge uuid.UUID, period time.Duration) (Unlocked, error) {
	result, err := c.run(ctx, req, uuid.New(), func(s verification.State) ([]domain.Event, error) {
		now := c.Run.Now()
		return verification.Unlock(s, challenge, req.Actor.ID, now, now.Add(period))
	})
	if err != nil {
		return Unlocked{}, err
	}
	if err := c.Run.Index.Wait(ctx, result.Position); err != nil {
		return Unlocked{}, errors.Join(commands.ErrLogUnavailable, err)
	}
	return c.unlocked(req, result)
}

// unlocked asks the index, which alone knows whether an unlock holds: something recorded just before it may stand against it.
func (c Commands) unlocked(req commands.Request, result commands.Result) (u Unlocked, err error) {
	u.Result, err = result, verification.ErrEnded
	c.Run.Index.View(func(f live.Facts) {
		if until := f.Access.UnlockedUntil(req.Workspace, req.Actor, c.Run.Now()); until != nil {
			u.Until, err = *until, nil
		}
	})
	return u, err
}

// Lock ends the unlock of the member's session.
func (c Commands) Lock(ctx context.Context, req commands.Request) (commands.Result, error) {
	if _, err := c.authorise(req); err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Run, req, req.Command(), Aggregate(req.Workspace, req.Actor.ID), func(s verification.State) ([]domain.Event, error) {
		return verification.Lock(s, req.Actor.ID, req.Actor.Session, c.Run.Now())
	})
}

// authorise refuses whoever has nothing to unlock.
func (c Commands) authorise(req commands.Request) (settings workspace.Settings, err error) {
	if req.Actor.Kind == domain.Service {
		return settings, errServiceAccount
	}
	if err := c.Run.Authorise(req, domain.SecretsReveal); err != nil {
		return settings, err
	}
	c.Run.Index.View(func(f live.Facts) { settings, _ = f.Access.Settings(req.Workspace) })
	switch {
	case req.Actor.Kind != domain.Member || req.Actor.Session == "":
		return settings, errNoSession
	case !settings.Enabled:
		return settings, errModuleOff
	}
	return settings, nil
}

// held refuses to send codes for a while after the member's address was changed. That is told here; what holds, also against
// a change that another instance is recording now, is the access index: it does not take such a challenge up.
func (c Commands) held(ctx context.Context, req commands.Request) (err error) {
	if err := c.Run.Fresh(ctx); err != nil {
		return err
	}
	now := c.Run.Now()
	c.Run.Index.View(func(f live.Facts) {
		if until := f.Access.HeldUntil(req.Workspace, req.Actor.ID, now); until != nil {
			err = verification.ErrHeld.After(until.Sub(now))
		}
	})
	return err
}

func (c Commands) address(ctx context.Context, req commands.Request) (string, error) {
	m, err := commands.Load(ctx, c.Run, req.Workspace, members.Aggregate(req.Workspace, req.Actor.ID))
	if err == nil && (m.Profile.Email == "" || m.Erased) {
		err = errNoAddress
	}
	return m.Profile.Email, err
}

// load returns a challenge of the session.
func (c Commands) load(ctx context.Context, req commands.Request, challenge uuid.UUID) (verification.Challenge, error) {
	s, err := commands.Load(ctx, c.Run, req.Workspace, Aggregate(req.Workspace, req.Actor.ID))
	if err != nil {
		return verification.Challenge{}, err
	}
	made, known := s.Find(challenge)
	if !known || made.Session != req.Actor.Session {
		return verification.Challenge{}, verification.ErrNotFound
	}
	return made, nil
}

func (c Commands) pending(req commands.Request, challenge uuid.UUID) (pending bool) {
	c.Run.Index.View(func(f live.Facts) { pending = f.Access.Pending(req.Workspace, req.Actor.ID, challenge) })
	return pending
}

func (c Commands) end(ctx context.Context, req commands.Request, challenge uuid.UUID, why verification.Reason) error {
	_, err := c.run(ctx, req, uuid.New(), func(s verification.State) ([]domain.Event, error) {
		return verification.End(s, challenge, req.Actor.ID, why)
	})
	return err
}

func (c Commands) run(ctx context.Context, req commands.Request, command uuid.UUID, decide func(verification.State) ([]domain.Event, error)) (commands.Result, error) {
	req.IfMatch = nil
	return commands.Run(ctx, c.Run, req, command, Aggregate(req.Workspace, req.Actor.ID), decide)
}

// Mask hides a mail address but for its first character and its domain.
func Mask(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '@' {
			_, size := utf8.DecodeRuneInString(address[:i])
			return address[:size] + "•••" + address[i:]
		}
	}
	return "•••"
}
