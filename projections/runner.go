package projections

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/platform/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate creates or updates the tables of the schema ops. Run it before anything else of this package.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	return postgres.Migrate(ctx, pool, migrations, "ops")
}

// Runner keeps read models current, one leader per read model among all instances.
type Runner struct {
	cfg      Config
	log      *slog.Logger
	models   map[string]*model
	names    []string
	rebuilds chan struct{} // limits rebuilds at start-up
}

// Run takes the subscriber that feeds the read models: a topic is a read model's name, a message one eventstore.Batch in
// its context, and Checkpoint says where a topic begins. It creates missing tables, rebuilds read models whose tables have another shape than the code, and keeps them
// current until ctx ends, as leader or standing by. It returns nil when ctx ends, with every goroutine of its own ended
// and every lease released. It fails if the log is not the one that the checkpoints were made from.
func (r *Runner) Run(ctx context.Context, subscriber message.Subscriber) error {
	g, running := errgroup.WithContext(ctx)
	for _, name := range r.names {
		g.Go(func() error { return r.keep(running, r.models[name], subscriber) })
	}
	g.Go(func() error { return r.watch(running) })
	if err := g.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

// keep runs one read model until ctx ends.
func (r *Runner) keep(ctx context.Context, m *model, subscriber message.Subscriber) error {
	if err := r.prepare(ctx, m); err != nil {
		return err
	}
	wait := pause{first: r.cfg.Backoff}
	for {
		err := r.tryLead(ctx, m, subscriber)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, eventstore.ErrForeignLog):
			return err
		case err == nil || errors.Is(err, errFenced):
			wait.reset()
			err = sleep(ctx, r.cfg.Lease/6)
		default:
			r.log.Error("leading a projection failed", "projection", m.name, "error", redact(err))
			err = wait.sleep(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// tryLead leads if nobody else does, and returns when that ends.
func (r *Runner) tryLead(ctx context.Context, m *model, subscriber message.Subscriber) error {
	row, ok, err := acquire(ctx, r.cfg.Pool, m, r.cfg.Holder, r.cfg.Lease)
	if err != nil || !ok {
		return err
	}
	if err := evict(ctx, r.cfg.Pool, m.name); err != nil {
		return err
	}
	return r.lead(ctx, m, row, subscriber)
}

// Checkpoint says where the subscription to a read model's topic begins, after that position, and what it reads. It fails
// while this instance does not lead the read model.
func (r *Runner) Checkpoint(_ context.Context, name string) (eventstore.Position, eventstore.Filter, error) {
	m, ok := r.models[name]
	if !ok {
		return 0, eventstore.Filter{}, fmt.Errorf("there is no projection %q", name)
	}
	t := m.term.Load()
	if t == nil {
		return 0, eventstore.Filter{}, fmt.Errorf("projection %s is not led here", name)
	}
	return t.position(), m.filter, nil
}

// Ready returns an error that names every read model that cannot be used or has stopped.
func (r *Runner) Ready(context.Context) error {
	var unready []string
	for _, name := range r.names {
		if text := r.models[name].fresh.trouble(); text != "" {
			unready = append(unready, name+": "+text)
		}
	}
	if len(unready) > 0 {
		return errors.New("projections: " + strings.Join(unready, "; "))
	}
	return nil
}

// pause grows with each failure.
type pause struct {
	first, next time.Duration
}

func (p *pause) reset() { p.next = 0 }

func (p *pause) sleep(ctx context.Context) error {
	if p.next == 0 {
		p.next = p.first
	}
	d := p.next
	p.next = min(2*p.next, 64*p.first)
	return sleep(ctx, d)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

var _ Freshness = (*Runner)(nil)
