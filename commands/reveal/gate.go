// Package reveal is the one way out for values: it decides, records, decides again on the record's own position in the
// log and only then decrypts. Nothing leaves that the log does not hold.
//
// It sees no HTTP and keeps no plaintext.
package reveal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/vault"
)

// MaxReason bounds the reason of a reveal, in characters.
const MaxReason = 1000

const revealTimeout = 5 * time.Second // from being asked for to being decided

// Vault is what the gate needs of the vault.
type Vault interface {
	Fetch(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]vault.Ciphertext, error)
	Open(ctx context.Context, ref vault.Ref, want vault.Sealed, ct vault.Ciphertext) (vault.Secret, error)
	FetchFile(ctx context.Context, id uuid.UUID) (vault.StoredFile, error)
	Decrypt(ctx context.Context, ref vault.Ref, want vault.Sealed, f vault.StoredFile) (*vault.OpenFile, error)
	Describe(ctx context.Context, refs map[uuid.UUID]vault.Ref) (map[uuid.UUID]vault.About, error)
}

// Ask is a member's wish to have one field's value, or its file.
type Ask struct {
	Secret         uuid.UUID
	Field          string
	ValueVersion   int // 0 for the current one
	Ticket         string
	Reason         string
	ConfirmExpired bool
	RetryOf        uuid.UUID // the first reveal of a repeated request

	file bool
}

// ref says where the value or file stands.
func (a Ask) ref(workspace uuid.UUID, version int) vault.Ref {
	return vault.Ref{Workspace: workspace, Subject: domain.Stream(domain.SecretKind, a.Secret), Field: a.Field, Version: version}
}

// Receipt is the proof of a recorded reveal.
type Receipt struct {
	EventID  uuid.UUID
	Stream   string
	Revision uint64
	Position uint64
	At       time.Time
	Member   string
	Decision domain.Decision
	Flags    []string
}

// Revealed is a value on its way out. The caller clears the value once it is sent.
type Revealed struct {
	Value        vault.Secret
	ValueVersion int
	RemaskAfter  time.Duration
	Receipt      Receipt
}

// Gate reveals values while Run runs. Make one with NewGate.
type Gate struct {
	run     *commands.Runner
	vault   Vault
	logger  *slog.Logger
	journal *journal
	denials *denials
}

// NewGate returns a gate that records on run's log and decrypts from v.
func NewGate(run *commands.Runner, v Vault, logger *slog.Logger) *Gate {
	j := newJournal(run.Log)
	return &Gate{run: run, vault: v, logger: logger, journal: j, denials: newDenials()}
}

// Run records, every minute, how many refusals were not recorded one by one. When ctx ends it records the rest and
// returns once everything queued is through; reveals asked for later are refused.
func (g *Gate) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.recordSuppressed(ctx, g.denials.ended(g.run.Now()))
		case <-ctx.Done():
			g.recordSuppressed(context.WithoutCancel(ctx), g.denials.all())
			g.journal.close()
			return ctx.Err()
		}
	}
}

// Reveal records that the actor is shown a value and returns the value. Without the record there is no value:
// a *domain.Error refuses, ErrLogUnavailable if the record could not be written in time. After a crash or a lost
// connection the record may be there although nobody received the value, never the other way round.
func (g *Gate) Reveal(ctx context.Context, req commands.Request, ask Ask) (Revealed, error) {
	ctx, cancel := context.WithTimeout(ctx, revealTimeout)
	defer cancel()
	var fetched <-chan result[vault.Ciphertext]
	outcome, err := g.pass(ctx, req, ask, func(content uuid.UUID) { fetched = g.fetch(ctx, content) })
	if err != nil {
		return Revealed{}, err
	}
	value, err := g.open(ctx, req.Workspace, ask, outcome.verdict, fetched)
	if err != nil {
		return Revealed{}, err
	}
	return Revealed{
		Value:        value,
		ValueVersion: outcome.version,
		RemaskAfter:  outcome.remask,
		Receipt:      outcome.receipt(req.Actor.ID),
	}, nil
}

// pass decides, records and decides again. fetch is called in between, to read the ciphertext while the record is written.
func (g *Gate) pass(ctx context.Context, req commands.Request, ask Ask, fetch func(content uuid.UUID)) (recorded, error) {
	ask, err := checked(ask)
	if err != nil {
		return recorded{}, err
	}
	first := g.decideNow(req, ask)
	if !first.decision.Allowed {
		return recorded{}, g.deny(ctx, req, ask, first)
	}
	fetch(first.content.ID)
	outcome, err := g.record(ctx, req, ask, first)
	if err != nil {
		return recorded{}, err
	}
	if !outcome.decision.Allowed {
		return recorded{}, g.withhold(ctx, req, ask, outcome)
	}
	return outcome, nil
}

var errReasonTooLong = domain.Refuse(domain.Invalid, "reason_too_long", fmt.Sprintf("the reason has more than %d characters", MaxReason))

// checked returns what is asked with a reason as texts are: a blank one is none.
func checked(ask Ask) (Ask, error) {
	var p domain.Problems
	reason, err := domain.CheckText(ask.Reason, MaxReason)
	if errors.Is(err, domain.ErrTextTooLong) {
		err = errReasonTooLong
	}
	p.AddError("body.reason", err)
	if ask.Reason = reason; !domain.Shows(reason) {
		ask.Reason = ""
	}
	if ask.Ticket != "" {
		p.ForeignID("body.ticket_id", ask.Ticket)
	}
	return ask, p.Err()
}

// verdict is a decision with what it was about: the very value version and where the vault has it.
type verdict struct {
	decision domain.Decision
	flags    []string
	member   bool // whether the actor is one of the workspace at all
	visible  bool // whether the actor may know of the secret
	content  secret.Content
	version  int
	remask   time.Duration
	ticket   string        // the one that the actor works on; empty unless it is one of the workspace
	limit    int           // reveals an hour
	wait     time.Duration // until the limit that was reached lets the actor reveal again
}

// judge decides on facts. version 0 asks for the value current in them.
func judge(f live.Facts, req commands.Request, ask Ask, version int, now time.Time) verdict {
	settings, _ := f.Access.Settings(req.Workspace)
	v := verdict{remask: time.Duration(settings.RemaskSeconds) * time.Second, limit: settings.RevealLimitPerHour}
	ar := access.Request{
		Workspace: req.Workspace, Actor: req.Actor, Action: access.Reveal, Secret: ask.Secret, Field: ask.Field,
		ValueVersion: version, Ticket: ask.Ticket, HasReason: ask.Reason != "", ConfirmExpired: ask.ConfirmExpired, At: now,
	}
	if f.Access.HasTicket(req.Workspace, ask.Ticket) { // what callers make up does not enter the log
		v.ticket = ask.Ticket
	}
	v.decision, v.flags = f.Access.Review(ar)
	if v.decision.Allowed {
		var ok bool
		switch v.content, v.version, ok = f.Contents.Of(ask.Secret, ask.Field, version); {
		case !ok:
			v.decision.Allowed, v.decision.Code = false, "value_not_set"
		case ask.file && !f.Contents.IsFile(ask.Secret, ask.Field):
			v.decision.Allowed, v.decision.Code = false, "not_a_file"
		case !ask.file && f.Contents.IsFile(ask.Secret, ask.Field):
			v.decision.Allowed, v.decision.Code = false, "is_a_file"
		}
	}
	if !v.decision.Allowed {
		_, v.member = f.Access.Permissions(req.Workspace, req.Actor, now)
		ar.Action = access.View
		v.visible = f.Access.Decide(ar).Allowed
	}
	if v.decision.Code == access.CodeRevealLimit {
		v.wait = f.Access.NextReveal(req.Workspace, req.Actor, now).Sub(now)
	}
	return v
}

func (g *Gate) decideNow(req commands.Request, ask Ask) (v verdict) {
	now := g.run.Now()
	g.run.Index.View(func(f live.Facts) { v = judge(f, req, ask, ask.ValueVersion, now) })
	return v
}

// recorded is the outcome of a reveal decided at its own position in the log.
type recorded struct {
	verdict
	event domain.Recorded
}

func (r recorded) receipt(member string) Receipt {
	e := r.event
	fact, isValue := e.Event.(reveal.FieldRevealed)
	if !isValue {
		file, _ := e.Event.(reveal.FileDownloaded)
		fact = reveal.FieldRevealed(file)
	}
	return Receipt{e.ID, e.Stream, e.Revision, e.Position, e.At, member, r.decision, fact.Flags}
}

// record appends the reveal and waits until this process's own subscription meets it. By then everything recorded before
// it has been applied, so the decision made there is the one that counts.
func (g *Gate) record(ctx context.Context, req commands.Request, ask Ask, first verdict) (recorded, error) {
	stream := domain.Stream(domain.RevealsKind, req.Workspace)
	fact := reveal.FieldRevealed{
		Secret: ask.Secret, Field: ask.Field, ValueVersion: first.version, Member: req.Actor.ID, Ticket: first.ticket,
		Reason: domain.NewPrivate(ask.Reason), Decision: first.decision, Flags: first.flags,
		RetryOf: ask.RetryOf, Confirmed: ask.ConfirmExpired,
	}
	var e domain.Event = fact
	if ask.file {
		e = reveal.FileDownloaded(fact)
	}
	proposed, err := g.encode(ctx, req, stream, e)
	if err != nil {
		return recorded{}, err
	}
	met := make(chan recorded, 1)
	forget := g.run.Index.At(proposed.ID, func(f live.Facts, e domain.Recorded) {
		met <- recorded{judge(f, req, ask, first.version, e.At), e}
	})
	failed := make(chan error, 1)
	g.journal.submit(stream, proposed, func(err error) {
		if err != nil {
			failed <- err
		} // otherwise our subscription is about to meet it
	})
	select {
	case r := <-met:
		return r, nil
	case err = <-failed:
		err = commands.LogFailure(err)
	case <-ctx.Done():
		err = ctx.Err()
	}
	forget()
	return recorded{}, errors.Join(err, commands.ErrLogUnavailable) // of both, callers see the first refusal
}

// encode makes one event ready to append; every try is a command of its own.
func (g *Gate) encode(ctx context.Context, req commands.Request, stream string, e domain.Event) (eventstore.Proposed, error) {
	meta := domain.Meta{Workspace: req.Workspace, Actor: req.Actor, Correlation: req.Correlation, Command: uuid.New()}
	proposed, err := g.run.Codec.Encode(ctx, stream, meta, []domain.Event{e})
	if err != nil {
		return eventstore.Proposed{}, err
	}
	return proposed[0], nil
}

// fetch reads the ciphertext while the record is being written.
func (g *Gate) fetch(ctx context.Context, content uuid.UUID) <-chan result[vault.Ciphertext] {
	return meanwhile(func() (vault.Ciphertext, error) {
		found, err := g.vault.Fetch(ctx, []uuid.UUID{content})
		ct, ok := found[content]
		if err == nil && !ok {
			err = errors.New("the vault does not have it")
		}
		return ct, err
	})
}

// result is what something that ran meanwhile came to.
type result[T any] struct {
	got T
	err error
}

func meanwhile[T any](do func() (T, error)) <-chan result[T] {
	ch := make(chan result[T], 1)
	go func() {
		got, err := do()
		ch <- result[T]{got, err}
	}()
	return ch
}

func (g *Gate) open(ctx context.Context, workspace uuid.UUID, ask Ask, v verdict, fetched <-chan result[vault.Ciphertext]) (vault.Secret, error) {
	ciphertext := <-fetched
	if ciphertext.err != nil {
		return nil, fmt.Errorf("fetching a value: %w", ciphertext.err)
	}
	value, err := g.vault.Open(ctx, ask.ref(workspace, v.version), sealedOf(v.content), ciphertext.got)
	if err != nil {
		return nil, fmt.Errorf("opening a value: %w", err)
	}
	return value, nil
}

func sealedOf(c secret.Content) vault.Sealed {
	s := vault.Sealed{ContentID: c.ID, KeyID: c.KeyID, Alg: c.Alg}
	copy(s.SHA256[:], c.SHA256)
	return s
}
