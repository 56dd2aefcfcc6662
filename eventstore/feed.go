package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sort"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/domain"
)

// Decoder turns stored events into domain events, in order. It is safe for concurrent use.
type Decoder interface {
	Decode(ctx context.Context, records []Record) ([]domain.Recorded, error)
}

// Batch is a run of the log. Its events are shared with other consumers: they must not be changed. There may be none:
// then nothing matched the filter up to To.
type Batch struct {
	Events []domain.Recorded
	From   Position  // exclusive: the To of the batch before
	To     Position  // everything up to and including it was considered
	LastID uuid.UUID // of the event at To, which need not be among Events; what Guard compares
}

// FeedConfig says what a Feed reads. Log and Decoder are required.
type FeedConfig struct {
	Log     Log
	Decoder Decoder
	// Window is how many of the newest events are kept decoded. Consumers that are further behind read the log. 0: 16,384.
	Window int
	// Patience is how long decoding is repeated, since the keys of private text may be out of reach for a moment, before
	// Run fails. 0: 10 s.
	Patience time.Duration
	// Logger is told of failures, never of contents. Nil: slog.Default().
	Logger *slog.Logger
}

// Feed is the process's one live subscription, shared by all consumers: every event is received and decoded once.
//
// The newest events are in a window that is immutable and replaced as a whole, so that readers take no lock.
type Feed struct {
	config FeedConfig
	window atomic.Pointer[window]
}

// window is the newest part of the log: all events after low up to head.
type window struct {
	started   bool
	chunks    []chunk // oldest first; older windows share the array, each up to its own length
	events    int
	low, head Position
	headID    uuid.UUID
	changed   chan struct{} // closed when a newer window has replaced this one
}

// chunk is what was decoded at once; it is never empty.
type chunk []domain.Recorded

func (c chunk) last() *domain.Recorded { return &c[len(c)-1] }

const (
	liveBuffer = 1024 // events received ahead of decoding
	liveBatch  = 256  // most events decoded at once
)

// NewFeed returns a feed that Run starts. It panics if Log or Decoder is missing.
func NewFeed(config FeedConfig) *Feed {
	if config.Log == nil || config.Decoder == nil {
		panic("a feed needs a log and a decoder")
	}
	if config.Window <= 0 {
		config.Window = 16384
	}
	if config.Patience <= 0 {
		config.Patience = 10 * time.Second
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	f := &Feed{config: config}
	f.window.Store(&window{changed: make(chan struct{})})
	return f
}

// Head returns the position of the newest event that readers can see; Start before Run has reached the log.
func (f *Feed) Head() Position { return f.window.Load().head }

// Run owns the subscription. It starts at the head of the log, waiting for the log if need be, and ends with ctx, or with
// an error if an event cannot be decoded: nothing may be left out. It is called once.
func (f *Feed) Run(ctx context.Context) error {
	if err := f.start(ctx); err != nil {
		return fmt.Errorf("starting the feed: %w", err)
	}
	records := make(chan Record, liveBuffer)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.decodeLive(ctx, records) })
	group.Go(func() error {
		return f.config.Log.Subscribe(ctx, f.Head(), Filter{}, func(r Record) error {
			select {
			case records <- r:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, nil)
	})
	return group.Wait()
}

// start opens an empty window at the head of the log.
func (f *Feed) start(ctx context.Context) error {
	for failures := 0; ; failures++ {
		head, err := f.config.Log.Head(ctx)
		var last Record
		if err == nil && head != Start {
			last, _, err = f.config.Log.At(ctx, head)
		}
		if err == nil {
			f.replace(&window{started: true, low: head, head: head, headID: last.ID})
			return nil
		}
		f.config.Logger.Warn("the feed waits for the event log", "error", err)
		if !pause(ctx, failures) {
			return ctx.Err()
		}
	}
}

// decodeLive decodes whatever has arrived together, without waiting for more, and publishes it.
func (f *Feed) decodeLive(ctx context.Context, records <-chan Record) error {
	batch := make([]Record, 0, liveBatch)
	for {
		select {
		case r := <-records:
			batch = append(batch[:0], r)
		case <-ctx.Done():
			return ctx.Err()
		}
		for arrived := true; arrived && len(batch) < liveBatch; {
			select {
			case r := <-records:
				batch = append(batch, r)
			default:
				arrived = false
			}
		}
		events, err := f.decode(ctx, batch)
		if err != nil {
			return err
		}
		f.publish(events)
	}
}

func (f *Feed) decode(ctx context.Context, batch []Record) ([]domain.Recorded, error) {
	begun := time.Now()
	for failures := 0; ; failures++ {
		events, err := f.config.Decoder.Decode(ctx, batch)
		if err == nil && len(events) != len(batch) {
			err = errors.New("the decoder left events out")
		}
		if err == nil {
			return events, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f.config.Logger.Error("the feed cannot decode an event", "error", err)
		if time.Since(begun) >= f.config.Patience {
			return nil, fmt.Errorf("the feed ends: decoding live events: %w", err)
		}
		pause(ctx, failures)
	}
}

// publish adds decoded events to the window and drops the oldest that are too many.
func (f *Feed) publish(events []domain.Recorded) {
	old, added := f.window.Load(), chunk(events)
	w := &window{started: true, chunks: append(old.chunks, added), events: old.events + len(added), low: old.low,
		head: Position(added.last().Position), headID: added.last().ID}
	for w.events-len(w.chunks[0]) >= f.config.Window {
		w.low = Position(w.chunks[0].last().Position)
		w.events -= len(w.chunks[0])
		w.chunks = w.chunks[1:]
	}
	f.replace(w)
}

func (f *Feed) replace(w *window) {
	w.changed = make(chan struct{})
	close(f.window.Swap(w).changed)
}

// collect adds to a batch what follows it, up to max events. The batch must not end before the window begins. A batch that is
// one run of a chunk shares it; another one is a copy.
func (w *window) collect(b *Batch, filter Filter, max int) {
	first := sort.Search(len(w.chunks), func(i int) bool { return Position(w.chunks[i].last().Position) > b.To })
	for _, c := range w.chunks[first:] {
		c = c[sort.Search(len(c), func(i int) bool { return Position(c[i].Position) > b.To }):]
		for len(c) > 0 {
			if len(b.Events) >= max {
				return
			}
			run := 0
			for run < min(len(c), max-len(b.Events)) && filter.Matches(c[run].Stream) {
				run++
			}
			switch {
			case run == 0:
				run = 1 // left out
			case b.Events == nil:
				b.Events = c[:run:run]
			default:
				b.Events = append(b.Events, c[:run]...)
			}
			b.reached(&c[run-1])
			c = c[run:]
		}
	}
}

func (b *Batch) reached(e *domain.Recorded) { b.To, b.LastID = Position(e.Position), e.ID }

// pause waits with exponential back-off and jitter, 25 ms to 1 s. It reports whether ctx still lives.
func pause(ctx context.Context, failures int) bool {
	most := min(time.Second, 50*time.Millisecond<<min(failures, 5))
	timer := time.NewTimer(most/2 + rand.N(most/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
