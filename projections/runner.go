package projections

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
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

// Config is what a Runner needs. Fields without a default must be set.
type Config struct {
	Pool       *pgxpool.Pool
	Log        eventstore.Log
	Feed       *eventstore.Feed // rebuilds read through it; the caller runs it
	Projectors []Projector

	// Holder names this instance in leases. Empty: host name, process id and a random part. Where something else makes
	// sure that there is only one instance, a fixed name lets it lead at once after a crash.
	Holder string
	// Lease is how long a leader that went silent keeps its lease. Zero: 6 s. Others take over within a sixth more.
	Lease time.Duration
	// Idle is how often a checkpoint moves past events that the read model does not read, and how often an instance that
	// stands by looks how far the leader is. Zero: 250 ms.
	Idle time.Duration
	// Backoff is the first pause after a failure; it doubles up to 64 times that. Zero: 500 ms.
	Backoff time.Duration
	// RebuildBatch is how many events a rebuild applies in one transaction. Zero: 10,000.
	RebuildBatch int
	// Logger is slog.Default() if nil.
	Logger *slog.Logger
}

// Runner keeps read models current, one leader per read model among all instances.
type Runner struct {
	cfg      Config
	log      *slog.Logger
	models   map[string]*model
	names    []string
	rebuilds chan struct{} // limits rebuilds at start-up
}

// model is a read model with what this instance knows of it.
type model struct {
	Projector
	name     string
	hash     string
	filter   eventstore.Filter
	fresh    *freshness
	prepared atomic.Bool          // the tables have been found or made
	term     atomic.Pointer[term] // while this instance leads
}

var plainName = regexp.MustCompile(`^[a-z][a-z0-9]{0,40}$`)

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Runner, error) {
	if cfg.Pool == nil || cfg.Log == nil || cfg.Feed == nil {
		return nil, errors.New("projections need a database, a log and a feed")
	}
	cfg.setDefaults()
	r := &Runner{cfg: cfg, log: cfg.Logger, models: map[string]*model{}, rebuilds: make(chan struct{}, 2)}
	for _, p := range cfg.Projectors {
		name := p.Name()
		if !plainName.MatchString(name) || r.models[name] != nil {
			return nil, fmt.Errorf("read model %q: not a plain name, or twice", name)
		}
		r.models[name] = &model{Projector: p, name: name, hash: hashOf(p), filter: filterOf(p), fresh: newFreshness()}
		r.names = append(r.names, name)
	}
	return r, nil
}

func (c *Config) setDefaults() {
	if c.Holder == "" {
		host, _ := os.Hostname()
		c.Holder = fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8])
	}
	orElse(&c.Lease, 6*time.Second)
	orElse(&c.Idle, 250*time.Millisecond)
	orElse(&c.Backoff, 500*time.Millisecond)
	orElse(&c.RebuildBatch, 10_000)
	orElse(&c.Logger, slog.Default())
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// hashOf changes with everything that decides what a read model's tables look like and which events fill them.
func hashOf(p Projector) string {
	h := sha256.Sum256([]byte(strings.Join(append([]string{p.Schema(), indexesOf(p)}, p.Kinds()...), "\x00")))
	return hex.EncodeToString(h[:])
}

func filterOf(p Projector) eventstore.Filter {
	var f eventstore.Filter
	for _, kind := range p.Kinds() {
		f.StreamPrefixes = append(f.StreamPrefixes, kind+"-")
	}
	return f
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
	return r.lead(ctx, m, row, subscriber)
}

// prepare makes the tables what the code says. It retries for ever, since nothing works without them, except when the
// log is another one.
func (r *Runner) prepare(ctx context.Context, m *model) error {
	wait := pause{first: r.cfg.Backoff}
	for {
		err := r.prepareOnce(ctx, m)
		if err == nil {
			m.prepared.Store(true)
			m.fresh.failed("")
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, eventstore.ErrForeignLog) {
			return err
		}
		r.tellUnprepared(ctx, m, redact(err))
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}

// tellUnprepared says loudly that a read model cannot be used. The row is left alone while another release leads.
func (r *Runner) tellUnprepared(ctx context.Context, m *model, text string) {
	m.fresh.failed(text)
	r.log.Error("preparing a projection failed", "projection", m.name, "error", text)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, _ = r.cfg.Pool.Exec(ctx, "UPDATE ops.projections SET error = $2, updated_at = now() WHERE name = $1 AND lease_until < now()",
		m.name, text) // a failure of this would say nothing new
}

var errNewer = errors.New("a newer release owns its tables")

func (r *Runner) prepareOnce(ctx context.Context, m *model) error {
	row, err := loadRow(ctx, r.cfg.Pool, m.name)
	if err != nil {
		return err
	}
	if row.Version > m.Version() {
		return errNewer
	}
	current, err := m.current(ctx, r.cfg.Pool, row)
	if err != nil {
		return err
	}
	if current {
		m.fresh.applied(row.Position)
		return eventstore.Guard(ctx, r.cfg.Log, row.Position, row.LastID)
	}
	select {
	case r.rebuilds <- struct{}{}:
		defer func() { <-r.rebuilds }()
	case <-ctx.Done():
		return ctx.Err()
	}
	r.log.Info("rebuilding a projection whose tables have another shape", "projection", m.name)
	return r.rebuild(ctx, m, nil, true)
}

// current tells whether the live tables are those that the code wants.
func (m *model) current(ctx context.Context, db execer, row row) (bool, error) {
	exists, err := schemaExists(ctx, db, m.name)
	return exists && row.Hash == m.hash && row.Version == m.Version(), err
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
