// Package live keeps the access index of this process current: folded from the log only, with the position it has
// reached and with those who wait for it. It decides nothing itself and stores nothing.
package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/eventstore"
)

// ErrBehind tells that the index did not reach a position in time.
var ErrBehind = errors.New("the access index is behind the log")

// Reader is where the index gets its events from, in log order.
type Reader interface {
	Next(ctx context.Context) (eventstore.Batch, error)
	CaughtUp() bool
}

// Index is the access index of this process. Its zero value is not usable; make one with New.
type Index struct {
	mu       sync.RWMutex
	access   *access.Index
	contents Contents
	sources  Sources
	waiting  map[uuid.UUID]func(Facts, domain.Recorded)
	changed  map[uuid.UUID]uint64 // by workspace

	applied  atomic.Uint64
	caughtUp atomic.Bool
	moved    broadcast
}

// Facts is what a decision may rely on: the access facts, where each field's values are, and which helpdesks are let in.
type Facts struct {
	Access   *access.Index
	Contents Contents
	Sources  Sources
}

func (x *Index) facts() Facts { return Facts{x.access, x.contents, x.sources} }

// New returns an index without facts.
func New() *Index {
	return &Index{
		access:   access.NewIndex(),
		contents: Contents{},
		sources:  Sources{},
		waiting:  map[uuid.UUID]func(Facts, domain.Recorded){},
		changed:  map[uuid.UUID]uint64{},
	}
}

// Run folds what reader delivers until ctx ends or an event cannot be folded.
func (x *Index) Run(ctx context.Context, reader Reader) error {
	for {
		batch, err := reader.Next(ctx)
		if err != nil {
			return fmt.Errorf("reading the log for the access index: %w", err)
		}
		if err := x.apply(batch); err != nil {
			return fmt.Errorf("folding the access index: %w", err)
		}
		if reader.CaughtUp() {
			x.caughtUp.Store(true)
		}
	}
}

func (x *Index) apply(batch eventstore.Batch) error {
	x.mu.Lock()
	defer x.moved.wake()
	defer x.mu.Unlock()
	for i := range batch.Events {
		e := &batch.Events[i]
		// A reveal is decided on everything before it and nothing after: its waiter runs before it is folded itself.
		if decide, ok := x.waiting[e.ID]; ok {
			delete(x.waiting, e.ID)
			decide(x.facts(), *e)
		}
		if err := x.access.Apply(*e); err != nil {
			return err
		}
		x.contents.apply(e)
		x.sources.apply(e)
		if kind := domain.StreamKind(e.Stream); kind != domain.RevealsKind && kind != domain.VerificationKind {
			x.changed[e.Meta.Workspace] = e.Position
		}
		x.applied.Store(e.Position)
	}
	x.applied.Store(max(x.applied.Load(), uint64(batch.To)))
	return nil
}

// View calls see with the facts as they stand. see must not keep them nor block.
func (x *Index) View(see func(Facts)) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	see(x.facts())
}

// At calls decide when the event with an id is reached, on exactly the facts recorded before it, unless forget is called
// first. decide must not block. After forget returned, decide is not called any more.
func (x *Index) At(event uuid.UUID, decide func(Facts, domain.Recorded)) (forget func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waiting[event] = decide
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.waiting, event)
	}
}

// Applied returns the position up to which the index is current.
func (x *Index) Applied() eventstore.Position { return eventstore.Position(x.applied.Load()) }

// Changed returns the position of the last applied event that changed something in a workspace: any but those of reveals and
// of verification.
func (x *Index) Changed(workspace uuid.UUID) eventstore.Position {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return eventstore.Position(x.changed[workspace])
}

// Ready tells whether the index once reached the end of the log and so may be decided on.
func (x *Index) Ready() bool { return x.caughtUp.Load() }

// Wait blocks until the index has applied position. ErrBehind if ctx ends first.
func (x *Index) Wait(ctx context.Context, position eventstore.Position) error {
	for {
		moved := x.moved.next()
		if x.Applied() >= position {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ErrBehind
		}
	}
}

// broadcast wakes everybody who waits for the next change.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{} // nil while nobody waits
}

// next returns a channel that is closed at the next change.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

// wake closes that channel.
func (b *broadcast) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
