package storage

import (
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// View is the log as of one commit: complete batches, all of them on disk. It must be closed; hold it only
// for as long as it takes to copy out what is wanted.
type View struct {
	// Head is the position of the last event, 0 when there is none.
	Head uint64

	// Advanced is closed when a newer view has been published.
	Advanced <-chan struct{}

	advanced chan struct{}
	snapshot *pebble.Snapshot
	refs     atomic.Int64
}

func newView(db *pebble.DB, head uint64) *View {
	v := &View{Head: head, advanced: make(chan struct{}), snapshot: db.NewSnapshot()}
	v.Advanced = v.advanced
	v.refs.Store(1)
	return v
}

// Close releases the view.
func (v *View) Close() {
	if v.refs.Add(-1) == 0 {
		// Its only error is closing twice, which the count rules out.
		_ = v.snapshot.Close()
	}
}

// published holds the newest view. The lock orders "take a reference" against "drop the last one".
type published struct {
	mu   sync.Mutex
	view *View
}

func (p *published) acquire() *View {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.view != nil {
		p.view.refs.Add(1)
	}
	return p.view
}

// publish replaces the newest view, nil at the end, and wakes whoever waits on the one before.
func (p *published) publish(next *View) {
	p.mu.Lock()
	last := p.view
	p.view = next
	p.mu.Unlock()
	if last != nil {
		close(last.advanced)
		last.Close()
	}
}
