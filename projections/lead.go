package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/eventstore"
)

// term is the time from taking a lease to losing it.
type term struct {
	runner *Runner
	model  *model
	lease  lease
	end    context.CancelCauseFunc

	mu     sync.Mutex
	stored checkpoint // as committed
	seen   checkpoint // nothing up to here is missing in the tables; ahead of stored by events of no interest
	saved  time.Time
}

// lead runs a read model until ctx ends or the lease is lost. A clean end releases the lease.
func (r *Runner) lead(parent context.Context, m *model, row row, subscriber message.Subscriber) error {
	ctx, end := context.WithCancelCause(parent)
	defer end(nil)
	t := &term{runner: r, model: m, lease: lease{m.name, r.cfg.Holder, row.Epoch}, end: end, stored: row.checkpoint,
		seen: row.checkpoint, saved: time.Now()}
	if err := eventstore.Guard(ctx, r.cfg.Log, row.Position, row.LastID); err != nil {
		return errors.Join(fmt.Errorf("projection %s: %w", m.name, err), t.release())
	}
	m.fresh.applied(row.Position)
	m.fresh.failed(row.Error)
	m.term.Store(t)
	defer m.term.Store(nil)
	r.log.Info("leading a projection", "projection", m.name, "epoch", row.Epoch, "position", uint64(row.Position))

	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return t.heartbeat(gctx) })
	g.Go(func() error { return t.save(gctx) })
	g.Go(func() error {
		err := t.consume(gctx, subscriber)
		if err == nil && ctx.Err() == nil {
			err = errors.New("the subscription ended")
		}
		end(err)
		return errors.Join(err, ctx.Err())
	})
	_ = g.Wait()
	cause := context.Cause(ctx)
	r.log.Info("no longer leading a projection", "projection", m.name, "epoch", row.Epoch, "cause", redact(cause))
	if errors.Is(cause, errFenced) {
		return cause
	}
	return errors.Join(cause, t.release())
}

// consume runs a Watermill router with this read model's one handler until ctx ends.
func (t *term) consume(ctx context.Context, subscriber message.Subscriber) error {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, watermill.NopLogger{})
	if err != nil {
		return fmt.Errorf("making the router: %w", err)
	}
	router.AddConsumerHandler(t.model.name, t.model.name, borrowed{subscriber},
		func(msg *message.Message) error { return t.handle(ctx, msg) })
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("running the router: %w", err)
	}
	return nil
}

// borrowed keeps a router from closing the subscriber, which all read models and terms share.
type borrowed struct{ message.Subscriber }

// Close leaves the subscriber to its owner: the subscription ends with its context.
func (borrowed) Close() error { return nil }

// handle applies one batch and returns only when it is committed or the term is over: a failing event is tried again,
// never skipped.
func (t *term) handle(ctx context.Context, msg *message.Message) error {
	read, ok := eventstore.BatchFrom(msg.Context())
	if !ok {
		return errors.New("the message holds no batch of events")
	}
	b := batch{read.Events, checkpoint{read.To, read.LastID}}
	wait := pause{first: t.runner.cfg.Backoff}
	for {
		err := t.take(ctx, b)
		if err == nil {
			return nil
		}
		if errors.Is(err, errFenced) {
			t.end(errFenced)
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		t.report(ctx, err)
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}

// take applies what is new in a batch. If the projector refuses it, its events go one by one, so that those before the
// bad one count and the bad one is named.
func (t *term) take(ctx context.Context, b batch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	b = b.after(t.seen.Position)
	if len(b.events) == 0 {
		if b.to.Position > t.seen.Position {
			t.seen = b.to
			t.model.fresh.applied(t.seen.Position)
		}
		return nil
	}
	err := t.commit(ctx, b)
	if err == nil || len(b.events) == 1 || passing(err) {
		return err
	}
	for _, one := range b.single() {
		if err := t.commit(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// commit applies events and moves the checkpoint in one transaction. A crash before its end leaves both as they were.
func (t *term) commit(ctx context.Context, b batch) error {
	err := pgx.BeginTxFunc(ctx, t.runner.cfg.Pool, t.leading(), func(tx pgx.Tx) error {
		if err := t.model.apply(ctx, tx, b.events); err != nil {
			return err
		}
		return t.lease.advance(ctx, tx, t.stored, b.to)
	})
	if err != nil {
		return err
	}
	t.committed(b.to)
	return nil
}

func (t *term) committed(to checkpoint) {
	t.stored, t.seen, t.saved = to, to, time.Now()
	t.model.fresh.applied(to.Position)
	t.model.fresh.failed("")
}

// applying are the settings of a transaction that fills a schema. It does not wait for the disk: the checkpoint is in
// the same transaction as the rows, so a crash of the database loses both or none, and what is lost is read again from
// the log (advance notices that the checkpoint went back).
func applying(schema string) pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: "BEGIN; SET LOCAL search_path TO " + pgx.Identifier{schema}.Sanitize() +
		"; SET LOCAL synchronous_commit TO off; SET LOCAL statement_timeout TO 0"}
}

// leading are the settings of a leader's transaction. A leader that is paused while it has the row locked would keep
// everybody from taking over: PostgreSQL ends its transaction once it has been idle for as long as a lease lasts.
func (t *term) leading() pgx.TxOptions {
	o := applying(t.model.name)
	o.BeginQuery += fmt.Sprintf("; SET LOCAL idle_in_transaction_session_timeout TO %d", t.runner.cfg.Lease.Milliseconds())
	return o
}

func (t *term) position() eventstore.Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen.Position
}
