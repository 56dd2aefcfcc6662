package eventstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/domain"
)

// Reading the log to catch up: a page is asked for at once and decoded in parts, in parallel.
const (
	pageEvents = 4096
	partEvents = 512
)

// Reader hands out the log in order to one consumer, without gap or repetition: from the log itself while the consumer
// is behind the feed's window, then from the window. Next is for one goroutine at a time.
type Reader struct {
	feed   *Feed
	filter Filter
	at     atomic.Uint64 // position up to which batches were handed out
	page   page          // the rest of the page being handed out
	ahead  chan fetched  // the page after it, being fetched; nil if none is
}

// page is a decoded part of the log. It covers up to to even if nothing in it matched.
type page struct {
	from, to Position // after from, up to to
	events   []domain.Recorded
	lastID   uuid.UUID
	full     bool // there is probably more
}

type fetched struct {
	page page
	err  error
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

// fromWindow waits for something after the reader's position. The batch is empty and ends where it begins if the window
// has meanwhile moved past it.
func (r *Reader) fromWindow(ctx context.Context, max int, linger time.Duration) (Batch, error) {
	b := Batch{From: r.Position(), To: r.Position()}
	var full <-chan time.Time
	for {
		w := r.feed.window.Load()
		if b.To < w.low {
			return b, nil
		}
		w.collect(&b, r.filter, max)
		if len(b.Events) >= max || linger <= 0 && b.To > b.From {
			return b, nil
		}
		if full == nil && b.To > b.From {
			full = time.After(linger)
		}
		select {
		case <-w.changed:
		case <-full:
			return b, nil
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
}

// turn makes the next page of the log the current one and starts fetching the one after it.
func (r *Reader) turn(ctx context.Context) error {
	var next fetched
	if r.ahead != nil {
		select {
		case next = <-r.ahead:
			r.ahead = nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if next.err != nil || next.page.from != r.Position() || next.page.to <= r.Position() {
		// None, its context is over, or the window has led past its beginning.
		next.page, next.err = r.fetch(ctx, r.Position())
	}
	if next.err != nil {
		return next.err
	}
	r.page = next.page
	if r.page.full {
		ahead, after := make(chan fetched, 1), r.page.to
		r.ahead = ahead
		go func() {
			p, err := r.fetch(ctx, after)
			ahead <- fetched{p, err}
		}()
	}
	return nil
}

// fetch reads a page and decodes what matches while the rest of the page is still coming. The filter is applied here
// and not by the log, so that the page knows how far it reaches.
func (r *Reader) fetch(ctx context.Context, after Position) (page, error) {
	p, count := page{from: after, to: after}, 0
	group, decoding := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	parts := make([][]domain.Recorded, pageEvents/partEvents+1)
	part, taken := make([]Record, 0, partEvents), 0
	decode := func() {
		records, i := part, taken
		part, taken = make([]Record, 0, partEvents), taken+1
		group.Go(func() (err error) {
			parts[i], err = r.feed.config.Decoder.Decode(decoding, records)
			return err
		})
	}
	for record, err := range r.feed.config.Log.ReadAll(ctx, after, pageEvents, Filter{}) {
		if err != nil {
			_ = group.Wait() // the read's error is the one to report
			return page{}, err
		}
		count, p.to, p.lastID = count+1, record.Position, record.ID
		if r.filter.Matches(record.Stream) {
			part = append(part, record)
		}
		if len(part) == partEvents {
			decode()
		}
	}
	if len(part) > 0 {
		decode()
	}
	if err := group.Wait(); err != nil {
		return page{}, fmt.Errorf("decoding: %w", err)
	}
	p.events, p.full = slices.Concat(parts...), count == pageEvents
	return p, nil
}
