package eventstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// Reader hands out the log in order to one consumer, without gap or repetition: from the log itself while the consumer
// is behind the feed's window, then from the window. Next is for one goroutine at a time.
type Reader struct {
	feed   *Feed
	filter Filter
	at     atomic.Uint64 // position up to which batches were handed out
	page   page          // the rest of the page being handed out
	scan   *scan         // where the pages after it come from; nil if the log is not being read
}

// page is a decoded part of the log. It covers up to to even if nothing in it matched.
type page struct {
	from, to Position // after from, up to to
	events   []domain.Recorded
	lastID   uuid.UUID
}

// Reader returns a reader of what follows after and matches the filter.
func (f *Feed) Reader(after Position, filter Filter) *Reader {
	r := &Reader{feed: f, filter: filter}
	r.at.Store(uint64(after))
	return r
}

// Position returns up to where batches were handed out.
func (r *Reader) Position() Position { return Position(r.at.Load()) }

// CaughtUp tells whether everything the feed has seen was handed out. It may be called from anywhere.
func (r *Reader) CaughtUp() bool {
	w := r.feed.window.Load()
	return w.started && r.Position() >= w.head
}

// Next returns what follows in the log: at most max events (500 if max is not positive). It blocks until something was
// recorded, and then, unless it is catching up, at most linger longer to fill the batch. While the log is away it waits.
// It fails when ctx ends or an event cannot be decoded; the next call then starts at the same place.
func (r *Reader) Next(ctx context.Context, max int, linger time.Duration) (Batch, error) {
	if max <= 0 {
		max = 500
	}
	for failures := 0; ; {
		if r.page.to > r.Position() {
			return r.advance(r.fromPage(max)), nil
		}
		w := r.feed.window.Load()
		if w.started && r.Position() >= w.low {
			r.Close()
			batch, err := r.fromWindow(ctx, max, linger)
			if err != nil || batch.To > batch.From {
				return r.advance(batch), err
			}
			continue // fell behind the window
		}
		if !w.started {
			select {
			case <-w.changed:
				continue
			case <-ctx.Done():
				return Batch{}, ctx.Err()
			}
		}
		if err := r.turn(ctx); err != nil && (ctx.Err() != nil || !errors.Is(err, ErrUnavailable)) {
			return Batch{}, fmt.Errorf("catching up with the log: %w", err)
		}
		if r.page.to <= r.Position() { // away, or this node of the log lags behind the one that feeds us
			pause(ctx, failures)
			failures++
		}
	}
}

func (r *Reader) advance(b Batch) Batch {
	r.at.Store(max(uint64(b.To), r.at.Load()))
	return b
}

// fromPage takes the next batch from the current page.
func (r *Reader) fromPage(max int) Batch {
	b, p := Batch{From: r.Position()}, &r.page
	if len(p.events) > max {
		b.Events, p.events = p.events[:max:max], p.events[max:]
		b.reached(&b.Events[max-1])
		return b
	}
	b.Events, b.To, b.LastID = p.events, p.to, p.lastID
	p.events = nil
	return b
}

// glance is how often a reader that lingers looks at what has come. Being woken by each event, of which there may be
// thousands in a second, would take longer than handling them.
const glance = 10 * time.Millisecond

// fromWindow waits for something after the reader's position. The batch is empty and ends where it begins if the window
// has meanwhile moved past it.
func (r *Reader) fromWindow(ctx context.Context, max int, linger time.Duration) (Batch, error) {
	b := Batch{From: r.Position(), To: r.Position()}
	for {
		w := r.feed.window.Load()
		if b.To < w.low {
			return b, nil
		}
		w.collect(&b, r.filter, max)
		if len(b.Events) >= max || linger <= 0 && b.To > b.From {
			return b, nil
		}
		changed, look := w.changed, (<-chan time.Time)(nil)
		if b.To > b.From {
			changed, look = nil, time.After(min(linger, glance))
		}
		select {
		case <-changed:
		case <-look:
			linger -= glance
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}

// turn makes the next page of the log the current one. There may be none: then the log that is read lags behind.
func (r *Reader) turn(ctx context.Context) error {
	for {
		fresh := r.scan == nil
		if fresh {
			r.scan = r.feed.scan(ctx, r.Position(), r.filter)
		}
		select {
		case next, more := <-r.scan.pages:
			if more {
				r.page = next
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		err := r.scan.err
		r.Close()
		if fresh {
			return err
		}
		// It read all that there was when it began, or its context is over, or it failed; a new one will tell.
	}
}

// Close lets go of the log. Whoever stops reading before having caught up calls it, unless the context of Next ends.
func (r *Reader) Close() {
	if r.scan != nil {
		r.scan.end()
		r.scan = nil
	}
}
