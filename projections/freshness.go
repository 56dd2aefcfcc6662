package projections

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kdesk/client-secrets/eventstore"
)

// quick is how often an instance that stands by looks at the checkpoints while somebody waits for one.
const quick = 20 * time.Millisecond

// freshness is what this instance knows of how far one read model is and of what ails it.
type freshness struct {
	position atomic.Uint64
	setbacks atomic.Uint64 // how often position became lower
	waiting  atomic.Int32

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when position changes
	text    string        // what ails it; empty if nothing does
}

func newFreshness() *freshness {
	return &freshness{changed: make(chan struct{}), text: "not built yet"}
}

// applied notes that the tables are current up to position, which may be lower than before: a database that came back
// from a crash can lack the last commits.
func (f *freshness) applied(position eventstore.Position) {
	before := f.position.Swap(uint64(position))
	if before == uint64(position) {
		return
	}
	if before > uint64(position) {
		f.setbacks.Add(1)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *freshness) failed(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = text
}

func (f *freshness) trouble() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text
}

func (f *freshness) wait(ctx context.Context, position eventstore.Position) error {
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	for {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if f.position.Load() >= uint64(position) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Applied returns the position up to which the live tables of a read model are current, as this instance knows; Start
// for a name that is none.
func (r *Runner) Applied(name string) eventstore.Position {
	m, ok := r.models[name]
	if !ok {
		return eventstore.Start
	}
	return eventstore.Position(m.fresh.position.Load())
}

// Setbacks returns how often the live tables of a read model were found to lack what Applied had told.
func (r *Runner) Setbacks(name string) uint64 {
	m, ok := r.models[name]
	if !ok {
		return 0
	}
	return m.fresh.setbacks.Load()
}

// Wait blocks until Applied(name) is at least position, or ctx ends.
func (r *Runner) Wait(ctx context.Context, name string, position eventstore.Position) error {
	m, ok := r.models[name]
	if !ok {
		return fmt.Errorf("there is no projection %q", name)
	}
	if err := m.fresh.wait(ctx, position); err != nil {
		return fmt.Errorf("waiting for projection %s: %w", name, err)
	}
	return nil
}

// watch looks at the checkpoints of the read models that others lead: every Idle, or soon while somebody waits.
func (r *Runner) watch(ctx context.Context) error {
	looked, wait := time.Now(), pause{first: r.cfg.Backoff}
	for {
		if err := sleep(ctx, quick); err != nil {
			return err
		}
		following, waiting := r.following()
		if !following || (!waiting && time.Since(looked) < r.cfg.Idle) {
			continue
		}
		looked = time.Now()
		if err := r.look(ctx); err == nil {
			wait.reset()
			continue
		} else if ctx.Err() == nil {
			r.log.Warn("looking at the projections failed", "error", redact(err))
		}
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}

func (r *Runner) following() (some, waiting bool) {
	for _, m := range r.models {
		if m.term.Load() == nil {
			some = true
			waiting = waiting || m.fresh.waiting.Load() > 0
		}
	}
	return some, waiting
}

// look takes over what the leaders have committed. If the database does not answer, what was known stays: a waiter then
// ends by its own deadline.
func (r *Runner) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Lease)
	defer cancel()
	rows, err := loadRows(ctx, r.cfg.Pool)
	if err != nil {
		return err
	}
	for _, row := range rows {
		m, ok := r.models[row.Name]
		if !ok || m.term.Load() != nil || !m.prepared.Load() {
			continue
		}
		m.fresh.applied(row.Position)
		m.fresh.failed(row.Error)
		if row.Hash != m.hash || row.Version != m.Version() {
			m.fresh.failed("its tables are those of another release")
		}
	}
	return nil
}
