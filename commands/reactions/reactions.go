// Package reactions does what has to happen outside after something was recorded: mails. Each reaction follows the log from
// a checkpoint of its own, which no rebuild of a read model touches, so that nothing is sent again because of one.
//
// One instance at a time carries a reaction out. An event is reacted to at least once: a crash between the deed and the
// checkpoint repeats it. Events of a batch are reacted to side by side, so that one slow recipient holds nobody else up;
// the checkpoint moves over what is done, in order. A reaction decides by itself how long it tries.
package reactions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
)

// Reaction is one kind of thing to do.
type Reaction interface {
	// Name names the reaction's checkpoint; it must never change.
	Name() string
	// Kinds are the aggregate kinds whose events it looks at.
	Kinds() []string
	// React does what an event asks for, and returns when that is done, is given up, or ctx ends.
	React(ctx context.Context, e domain.Recorded)
}

// Checkpoints keeps how far reactions are, and which instance carries each out.
type Checkpoints interface {
	// Acquire gives holder the right to a reaction for some time, unless another has it. epoch rises each time.
	Acquire(ctx context.Context, name, holder string, during time.Duration) (position uint64, lastID uuid.UUID, epoch int64, ok bool, err error)
	// Renew prolongs it; false if it was lost.
	Renew(ctx context.Context, name string, epoch int64, during time.Duration) (bool, error)
	// Advance moves the checkpoint; false if the right was lost.
	Advance(ctx context.Context, name string, epoch int64, position uint64, lastID uuid.UUID) (bool, error)
	// Release gives it back.
	Release(ctx context.Context, name string, epoch int64) error
}

// Config is what a Runner needs. Fields without a default must be set.
type Config struct {
	Feed        *eventstore.Feed
	Log         eventstore.Log
	Checkpoints Checkpoints
	Reactions   []Reaction

	// Holder names this instance in leases. Empty: one is made up.
	Holder string
	// Lease is how long an instance that went silent keeps a reaction. Zero: 6 s.
	Lease time.Duration
	// Logger is slog.Default() if nil.
	Logger *slog.Logger
}

// Runner carries reactions out.
type Runner struct{ Config }

// New checks the configuration. It starts nothing.
func New(c Config) (*Runner, error) {
	if c.Feed == nil || c.Log == nil || c.Checkpoints == nil {
		return nil, errors.New("reactions need a feed, a log and checkpoints")
	}
	if c.Holder == "" {
		host, _ := os.Hostname()
		c.Holder = fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8])
	}
	if c.Lease == 0 {
		c.Lease = 6 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Runner{c}, nil
}

// Run carries the reactions out, or stands by while another instance does, until ctx ends. It fails if a checkpoint was
// made from another log.
func (r *Runner) Run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	for _, reaction := range r.Reactions {
		group.Go(func() error { return r.keep(running, reaction) })
	}
	if len(r.Reactions) == 0 {
		<-ctx.Done()
	}
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return ctx.Err()
}

func (r *Runner) keep(ctx context.Context, reaction Reaction) error {
	for {
		err := r.lead(ctx, reaction)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, eventstore.ErrForeignLog):
			return fmt.Errorf("reaction %s: %w", reaction.Name(), err)
		case err != nil:
			r.Logger.ErrorContext(ctx, "a reaction was interrupted", "reaction", reaction.Name(), "err", err)
		}
		if !sleep(ctx, r.Lease/6) {
			return ctx.Err()
		}
	}
}

var errLost = errors.New("another instance has taken over")

// lead carries a reaction out while this instance has the right to.
func (r *Runner) lead(ctx context.Context, reaction Reaction) (err error) {
	name := reaction.Name()
	position, lastID, epoch, ok, err := r.Checkpoints.Acquire(ctx, name, r.Holder, r.Lease)
	if err != nil || !ok {
		return err
	}
	defer func() {
		released, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		err = errors.Join(err, r.Checkpoints.Release(released, name, epoch))
	}()
	if err := eventstore.Guard(ctx, r.Log, eventstore.Position(position), lastID); err != nil {
		return err
	}
	t := &term{Runner: r, reaction: reaction, epoch: epoch, batches: make(chan batch, batchesAhead), slots: make(chan struct{}, atOnce)}
	group, leading := errgroup.WithContext(ctx)
	group.Go(func() error { return t.renew(leading) })
	group.Go(func() error { return t.read(leading, eventstore.Position(position)) })
	group.Go(func() error { return t.settle(leading) })
	err = group.Wait()
	t.running.Wait()
	return err
}

const (
	atOnce       = 32 // events reacted to side by side
	batchesAhead = 64
	batchSize    = 256
	linger       = 20 * time.Millisecond
	settleEvery  = time.Second // the checkpoint moves past events of no interest no more often
)

// term is the time from acquiring the right to a reaction to losing it.
type term struct {
	*Runner
	reaction Reaction
	epoch    int64
	batches  chan batch
	slots    chan struct{}
	running  sync.WaitGroup
}

// batch is a run of the log whose events are being reacted to.
type batch struct {
	to     eventstore.Position
	lastID uuid.UUID
	events int
	done   chan struct{}
}

func (t *term) renew(ctx context.Context) error {
	for sleep(ctx, t.Lease/3) {
		renewing, cancel := context.WithTimeout(ctx, t.Lease/3)
		ok, err := t.Checkpoints.Renew(renewing, t.reaction.Name(), t.epoch, t.Lease)
		cancel()
		switch {
		case err != nil && ctx.Err() == nil:
			t.Logger.WarnContext(ctx, "renewing a reaction's lease failed", "reaction", t.reaction.Name(), "err", err)
		case err == nil && !ok:
			return errLost
		}
	}
	return ctx.Err()
}

// read starts reacting to what the log has after a position.
func (t *term) read(ctx context.Context, after eventstore.Position) error {
	var filter eventstore.Filter
	for _, kind := range t.reaction.Kinds() {
		filter.StreamPrefixes = append(filter.StreamPrefixes, kind+"-")
	}
	reader := t.Feed.Reader(after, filter)
	for {
		read, err := reader.Next(ctx, batchSize, linger)
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		b := batch{read.To, read.LastID, len(read.Events), make(chan struct{})}
		if err := t.start(ctx, read.Events, b.done); err != nil {
			return err
		}
		select {
		case t.batches <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// start reacts to events in the background and closes done after the last one.
func (t *term) start(ctx context.Context, events []domain.Recorded, done chan struct{}) error {
	var all sync.WaitGroup
	defer func() {
		t.running.Go(func() { all.Wait(); close(done) })
	}()
	for _, e := range events {
		select {
		case t.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		all.Go(func() {
			defer func() { <-t.slots }()
			t.reaction.React(ctx, e)
		})
	}
	return nil
}

// settle moves the checkpoint over batches that are done, in order.
func (t *term) settle(ctx context.Context) error {
	var saved time.Time
	for {
		select {
		case b := <-t.batches:
			<-b.done
			if ctx.Err() != nil {
				return ctx.Err() // a reaction may have ended early
			}
			if b.events == 0 && time.Since(saved) < settleEvery {
				continue
			}
			if err := t.advance(ctx, b); err != nil {
				return err
			}
			saved = time.Now()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *term) advance(ctx context.Context, b batch) error {
	ok, err := t.Checkpoints.Advance(ctx, t.reaction.Name(), t.epoch, uint64(b.to), b.lastID)
	if err == nil && !ok {
		err = errLost
	}
	return err
}

// sleep reports whether ctx still lives afterwards.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
