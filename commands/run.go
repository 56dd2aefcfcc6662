// Package commands carries out commands: it loads the state that a rule needs from the log, lets the rule decide and
// appends what it decided. Each aggregate's commands are a package below this one.
//
// It knows no vendor and no HTTP.
package commands

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
)

// Refusals that every command may answer with.
var (
	ErrForbidden      = domain.Refuse(domain.Forbidden, "permission_missing", "you lack the permission for this")
	ErrNoWorkspace    = domain.Refuse(domain.NotFound, "not_found", "there is nothing here that you can see")
	ErrLogUnavailable = domain.Refuse(domain.Unavailable, "log_unavailable", "the event log cannot be reached; retrying is safe")
	ErrLogFull        = domain.Refuse(domain.Unavailable, "log_full", "the event log has no room: nothing was recorded, and retrying is safe").After(time.Minute)
	ErrStale          = domain.Refuse(domain.Precondition, "stale_revision", "it changed since you read it: read it again")
	ErrBusy           = domain.Refuse(domain.Conflict, "busy", "others are changing this at the same time; retrying is safe").After(time.Second)
)

const (
	maxTries    = 10                   // after revision conflicts
	firstPause  = 4 * time.Millisecond // on average half of it; each further one up to twice as long, a second in the end
	visibleWait = 2 * time.Second      // for a change to reach this process's access index
)

// Request says who asks for a command, where and how.
type Request struct {
	Workspace   uuid.UUID
	Actor       domain.Actor
	Key         string // idempotency key; "" makes every try a command of its own
	Correlation uuid.UUID
	IfMatch     *uint64 // revision the aggregate must be at; nil for any
}

// Command returns the id of the command: the same for the same workspace, principal and idempotency key.
func (r Request) Command() uuid.UUID {
	if r.Key == "" {
		return uuid.New()
	}
	return uuid.NewSHA1(r.Workspace, []byte(string(r.Actor.Kind)+"\x00"+r.Actor.ID+"\x00"+r.Key))
}

// Uploader names whoever asks as the vault's subject that guards their uploads, until those are in a secret.
func Uploader(req Request) string {
	return domain.DirectoryStream(req.Workspace, domain.MemberKind, req.Actor.ID)
}

// NewID returns the id of the n-th aggregate that a command makes.
func NewID(command uuid.UUID, n int) uuid.UUID {
	return uuid.NewSHA1(command, fmt.Appendf(nil, "aggregate %d", n))
}

// Result tells where a command left its aggregate.
type Result struct {
	ID       uuid.UUID // of the aggregate
	Revision uint64
	Position eventstore.Position
	Changed  bool // false if there was nothing to change; a repeated command answers as the first time
	Ignored  bool // what was told is older than what is known; not set by a repeated command
}

// Runner is what all commands run on.
type Runner struct {
	Log   eventstore.Log
	Codec *eventstore.Codec
	Index *live.Index
	Now   func() time.Time // in UTC
}

// Aggregate is how a command's aggregate is found and folded.
type Aggregate[S any] struct {
	Stream string
	Evolve func(S, domain.Event) (S, error)
}

// Run loads an aggregate, decides and appends. A command that was carried out before, by its id, is not carried out
// again. decide may be called several times.
func Run[S any](ctx context.Context, r *Runner, req Request, command uuid.UUID, a Aggregate[S], decide func(S) ([]domain.Event, error)) (Result, error) {
	return RunGuarded(ctx, r, req, command, a, decide, nil)
}

// RunGuarded is Run for a change that relies on another aggregate. guard is called between loading and appending, with
// what was loaded, if there is something to append: it records in the other stream, at an exact revision, that it is
// relied on. Of two commands that each rely on what the other one changes, one then meets a conflict and decides again.
// A crash after guard leaves that record, which means nothing by itself.
func RunGuarded[S any](ctx context.Context, r *Runner, req Request, command uuid.UUID, a Aggregate[S], decide func(S) ([]domain.Event, error), guard func(context.Context, S) error) (Result, error) {
	for try := range maxTries {
		if try > 0 {
			pause(ctx, try-1)
		}
		result, err := attempt(ctx, r, req, command, a, decide, guard)
		if errors.Is(err, eventstore.ErrWrongRevision) {
			continue
		}
		if err != nil {
			return Result{}, LogFailure(err)
		}
		r.awaitVisible(ctx, result.Position)
		return result, nil
	}
	return Result{}, ErrBusy
}

// pause lets those that conflict get out of step.
func pause(ctx context.Context, try int) {
	select {
	case <-time.After(rand.N(firstPause << try)):
	case <-ctx.Done():
	}
}

func attempt[S any](ctx context.Context, r *Runner, req Request, command uuid.UUID, a Aggregate[S], decide func(S) ([]domain.Event, error), guard func(context.Context, S) error) (Result, error) {
	l, err := load(ctx, r, req.Workspace, command, a)
	if err != nil {
		return Result{}, err
	}
	if l.done != nil {
		return *l.done, nil
	}
	if req.IfMatch != nil && (!l.exists || *req.IfMatch != l.now.Revision) {
		return Result{}, ErrStale
	}
	events, err := decide(l.state)
	if err != nil || len(events) == 0 {
		return l.now, err
	}
	if guard != nil {
		if err := guard(ctx, l.state); err != nil {
			return Result{}, err
		}
	}
	meta := domain.Meta{Workspace: req.Workspace, Actor: req.Actor, Correlation: req.Correlation, Command: command}
	proposed, err := r.Codec.Encode(ctx, a.Stream, meta, events)
	if err != nil {
		return Result{}, err
	}
	appended, err := r.Log.Append(ctx, a.Stream, l.expected(), proposed)
	if errors.Is(err, eventstore.ErrTooLarge) {
		return Result{}, domain.Refuse(domain.TooLarge, "too_large", "this is more than one change can hold")
	}
	if err != nil {
		return Result{}, fmt.Errorf("appending to the log: %w", err)
	}
	return Result{ID: l.now.ID, Revision: appended.Revision, Position: appended.Position, Changed: true}, nil
}

// Load returns the state of an aggregate; its zero value if it does not exist. Of another workspace: ErrNoWorkspace.
func Load[S any](ctx context.Context, r *Runner, workspace uuid.UUID, a Aggregate[S]) (S, error) {
	l, err := load(ctx, r, workspace, uuid.Nil, a)
	return l.state, LogFailure(err)
}

// LoadBefore returns the state of an aggregate as it was before its event with a revision.
func LoadBefore[S any](ctx context.Context, r *Runner, workspace uuid.UUID, a Aggregate[S], revision uint64) (S, error) {
	var s S
	events, err := r.history(ctx, a.Stream)
	if err != nil {
		return s, LogFailure(err)
	}
	for _, e := range events {
		if e.Meta.Workspace != workspace {
			return s, ErrNoWorkspace
		}
		if e.Revision >= revision {
			break
		}
		if s, err = a.Evolve(s, e.Event); err != nil {
			return s, fmt.Errorf("folding %s at revision %d: %w", a.Stream, e.Revision, err)
		}
	}
	return s, nil
}

// Repeated returns the result of a command that was carried out before; false if it was not. For commands that look or
// store elsewhere before they Run, so that a repetition neither fails over what has changed since nor stores anew.
func Repeated[S any](ctx context.Context, r *Runner, req Request, command uuid.UUID, a Aggregate[S]) (Result, bool, error) {
	if req.Key == "" {
		return Result{}, false, nil
	}
	l, err := load(ctx, r, req.Workspace, command, a)
	if err != nil || l.done == nil {
		return Result{}, false, LogFailure(err)
	}
	return *l.done, true, nil
}

// LogFailure says what it means for the caller that the log did not answer or has no room. Other errors stay as they are.
func LogFailure(err error) error {
	var refusal *domain.Error
	switch {
	case err == nil, errors.As(err, &refusal):
		return err
	case errors.Is(err, eventstore.ErrFull):
		return errors.Join(ErrLogFull, err)
	case errors.Is(err, eventstore.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return errors.Join(ErrLogUnavailable, err)
	}
	return err
}

// loaded is an aggregate as the log has it; done is the outcome of the very command, if it was carried out before.
type loaded[S any] struct {
	state  S
	exists bool
	now    Result
	done   *Result
}

func (l loaded[S]) expected() eventstore.Expected {
	if l.exists {
		return eventstore.Exact(l.now.Revision)
	}
	return eventstore.NoStream()
}

func load[S any](ctx context.Context, r *Runner, workspace, command uuid.UUID, a Aggregate[S]) (loaded[S], error) {
	var l loaded[S]
	var err error
	if l.now.ID, err = domain.StreamID(a.Stream); err != nil {
		return l, err
	}
	events, err := r.history(ctx, a.Stream)
	if err != nil {
		return l, err
	}
	for _, e := range events {
		if e.Meta.Workspace != workspace {
			return l, ErrNoWorkspace
		}
		if l.state, err = a.Evolve(l.state, e.Event); err != nil {
			return l, fmt.Errorf("folding %s at revision %d: %w", a.Stream, e.Revision, err)
		}
		l.exists, l.now.Revision, l.now.Position = true, e.Revision, eventstore.Position(e.Position)
		if e.Meta.Command == command {
			done := l.now
			done.Changed = true
			l.done = &done
		}
	}
	return l, nil
}

func (r *Runner) history(ctx context.Context, stream string) ([]domain.Recorded, error) {
	var records []eventstore.Record
	for record, err := range r.Log.ReadStream(ctx, stream, 0) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("loading from the log: %w", err)
		}
		records = append(records, record)
	}
	return r.Codec.Decode(ctx, records)
}

// Fresh waits until this process's access index has met everything that the log holds now, whichever instance recorded it.
func (r *Runner) Fresh(ctx context.Context) error {
	head, err := r.Log.Head(ctx)
	if err == nil {
		err = r.Index.Wait(ctx, head)
	}
	if err != nil {
		return errors.Join(ErrLogUnavailable, err)
	}
	return nil
}

// awaitVisible lets the caller's next request on this process meet the change. The change stands even if it takes longer.
func (r *Runner) awaitVisible(ctx context.Context, position eventstore.Position) {
	ctx, cancel := context.WithTimeout(ctx, visibleWait)
	defer cancel()
	_ = r.Index.Wait(ctx, position)
}
