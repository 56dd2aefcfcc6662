package projections

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
)

func (t *term) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := t.lease.release(ctx, t.runner.cfg.Pool); err != nil && !errors.Is(err, errFenced) {
		return err
	}
	return nil
}

// heartbeat renews the lease.
func (t *term) heartbeat(ctx context.Context) error {
	for {
		if err := sleep(ctx, t.runner.cfg.Lease/3); err != nil {
			return err
		}
		renewing, cancel := context.WithTimeout(ctx, t.runner.cfg.Lease/3)
		err := t.renew(renewing)
		cancel()
		if errors.Is(err, errFenced) {
			t.end(errFenced)
			return err
		}
		if err != nil && ctx.Err() == nil {
			t.runner.log.Warn("renewing a lease failed", "projection", t.model.name, "error", redact(err))
		}
	}
}

func (t *term) renew(ctx context.Context) error {
	if !t.mu.TryLock() { // a batch is being applied, and notices by itself
		return t.lease.renew(ctx, t.runner.cfg.Pool, t.runner.cfg.Lease, nil)
	}
	defer t.mu.Unlock()
	return t.lease.renew(ctx, t.runner.cfg.Pool, t.runner.cfg.Lease, &t.stored)
}

// save stores the checkpoint when only events of no interest have gone by, at most once every Idle.
func (t *term) save(ctx context.Context) error {
	wait := pause{first: t.runner.cfg.Backoff}
	for {
		if err := sleep(ctx, t.runner.cfg.Idle); err != nil {
			return err
		}
		err := t.saveOnce(ctx)
		switch {
		case err == nil:
			wait.reset()
			continue
		case errors.Is(err, errFenced):
			t.end(errFenced)
			return err
		case ctx.Err() == nil:
			t.runner.log.Warn("saving a checkpoint failed", "projection", t.model.name, "error", redact(err))
		}
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}

func (t *term) saveOnce(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == t.stored || time.Since(t.saved) < t.runner.cfg.Idle {
		return nil
	}
	err := pgx.BeginTxFunc(ctx, t.runner.cfg.Pool, t.leading(), func(tx pgx.Tx) error {
		return t.lease.advance(ctx, tx, t.stored, t.seen)
	})
	if err != nil {
		return err
	}
	t.committed(t.seen)
	return nil
}

// report says loudly that the read model stands still, in the log, in its row and in readiness.
func (t *term) report(ctx context.Context, err error) {
	text := redact(err)
	attrs := []any{"projection", t.model.name, "error", text}
	var refused *applyError
	if errors.As(err, &refused) && len(refused.events) == 1 {
		attrs = append(attrs, eventAttrs(refused.events[0])...)
		if refused.stack != nil {
			attrs = append(attrs, "stack", string(refused.stack))
		}
	}
	t.runner.log.Error("a projection stopped", attrs...)
	t.model.fresh.failed(text)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := t.lease.fail(ctx, t.runner.cfg.Pool, text); errors.Is(err, errFenced) {
		t.end(errFenced)
	}
}

func eventAttrs(e domain.Recorded) []any {
	return []any{"type", e.Event.EventType(), "stream", e.Stream, "revision", e.Revision, "position", e.Position}
}
