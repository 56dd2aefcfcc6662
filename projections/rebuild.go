package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/eventstore"
)

// Indexer is implemented by projectors that want indexes made once their tables are filled. Indexes is SQL with
// unqualified names. Apply must be right without them.
type Indexer interface {
	Indexes() string
}

func indexesOf(p Projector) string {
	if i, ok := p.(Indexer); ok {
		return i.Indexes()
	}
	return ""
}

// Progress is told how far a rebuild is: the position done, the head when last looked at, and the events applied so far.
type Progress func(done, head eventstore.Position, events int)

// Rebuild fills the tables of a read model anew from the log, beside those in use, and then switches. Queries and the
// leader, here or elsewhere, go on meanwhile; the leader then finds itself fenced and continues from the new checkpoint.
// Of two rebuilds at once the second waits and then does its own. A failure or a crash leaves the live tables as they are.
// It needs the feed to run, but not Run. progress may be nil.
func (r *Runner) Rebuild(ctx context.Context, name string, progress Progress) error {
	m, ok := r.models[name]
	if !ok {
		return fmt.Errorf("there is no projection %q", name)
	}
	return r.rebuild(ctx, m, progress, false)
}

func (r *Runner) rebuild(ctx context.Context, m *model, progress Progress, unlessCurrent bool) error {
	if progress == nil {
		progress = func(eventstore.Position, eventstore.Position, int) {}
	}
	conn, err := r.cfg.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("rebuilding %s: %w", m.name, err)
	}
	b := &rebuild{runner: r, model: m, conn: conn.Hijack(), next: m.name + "_next", progress: progress,
		unlessCurrent: unlessCurrent}
	defer b.close()
	if err := b.run(ctx); err != nil {
		return fmt.Errorf("rebuilding %s: %w", m.name, err)
	}
	return nil
}

// rebuild fills one read model anew. It uses one connection for its lock and all its writing, so that who loses the lock
// cannot write either.
type rebuild struct {
	runner   *Runner
	model    *model
	conn     *pgx.Conn
	next     string // schema that is being filled
	progress Progress
	done     checkpoint
	events   int

	unlessCurrent bool // do nothing if another instance has meanwhile made the tables what they should be
}

// rebuildLock is the first half of the advisory lock that only one rebuild of a read model can hold.
const rebuildLock = 0x70726a

func (b *rebuild) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = b.conn.Close(ctx) // which gives the lock back
}

func (b *rebuild) run(ctx context.Context) error {
	if _, err := b.conn.Exec(ctx, "SET statement_timeout TO 0"); err != nil {
		return err
	}
	if _, err := b.conn.Exec(ctx, "SELECT pg_advisory_lock($1, hashtext($2))", rebuildLock, b.model.name); err != nil {
		return fmt.Errorf("waiting for another rebuild: %w", err)
	}
	row, err := loadRow(ctx, b.conn, b.model.name)
	if err != nil {
		return err
	}
	if b.unlessCurrent {
		if current, err := b.model.current(ctx, b.conn, row); current || err != nil {
			return err
		}
	}
	if err := b.create(ctx); err != nil {
		return fmt.Errorf("creating its tables: %w", err)
	}
	if err := b.fill(ctx); err != nil {
		return err
	}
	if err := b.switchOver(ctx); err != nil {
		return fmt.Errorf("switching to the new tables: %w", err)
	}
	if err := b.drop(ctx, b.model.name+"_old"); err != nil { // the next rebuild drops them
		b.runner.log.Warn("the tables before a rebuild are left over", "projection", b.model.name, "error", redact(err))
	}
	return nil
}

func (b *rebuild) create(ctx context.Context) error {
	for _, leftover := range []string{b.next, b.model.name + "_old"} {
		if err := b.drop(ctx, leftover); err != nil {
			return err
		}
	}
	if _, err := b.conn.Exec(ctx, "CREATE SCHEMA "+quote(b.next)); err != nil {
		return err
	}
	return b.inNext(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, b.model.Schema())
		return err
	})
}

func (b *rebuild) drop(ctx context.Context, schema string) error {
	if _, err := b.conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+quote(schema)+" CASCADE"); err != nil {
		return fmt.Errorf("dropping schema %s: %w", schema, err)
	}
	return nil
}

// fill applies the log up to its head, then makes the indexes. While Postgres takes a batch, the next is read and decoded.
func (b *rebuild) fill(ctx context.Context) error {
	head, err := b.runner.cfg.Log.Head(ctx)
	if err != nil {
		return err
	}
	if err := b.catchUp(ctx, head); err != nil {
		return err
	}
	if err := b.index(ctx); err != nil {
		return fmt.Errorf("making its indexes: %w", err)
	}
	// What came during the fill, so that the switch has little to do.
	if head, err = b.runner.cfg.Log.Head(ctx); err != nil {
		return err
	}
	return b.catchUp(ctx, head)
}

func (b *rebuild) index(ctx context.Context) error {
	return b.inNext(ctx, func(tx pgx.Tx) error {
		if sql := indexesOf(b.model.Projector); sql != "" {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return analyze(ctx, tx, b.next)
	})
}

// analyze tells the planner what is in new tables, before the first query meets them. A small sample does:
// autovacuum looks closer later.
func analyze(ctx context.Context, tx pgx.Tx, schema string) error {
	if _, err := tx.Exec(ctx, "SET LOCAL default_statistics_target TO 10"); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT relname::text FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p')
		AND NOT relispartition`, quote(schema)) // with a table come its partitions
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := tx.Exec(ctx, "ANALYZE "+pgx.Identifier{schema, table}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

// catchUp reads and applies up to head, in two steps that overlap.
func (b *rebuild) catchUp(ctx context.Context, head eventstore.Position) error {
	reader := b.runner.cfg.Feed.Reader(b.done.Position, b.model.filter)
	defer reader.Close()
	batches := make(chan batch, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(batches)
		for reader.Position() < head {
			read, err := gather(ctx, reader, b.runner.cfg.RebuildBatch, head)
			if err != nil {
				return err
			}
			select {
			case batches <- read:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for read := range batches {
			if err := b.inNext(ctx, func(tx pgx.Tx) error { return b.apply(ctx, tx, read) }); err != nil {
				return err
			}
			b.reached(read, head)
		}
		return nil
	})
	return g.Wait()
}

func (b *rebuild) inNext(ctx context.Context, do func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, b.conn, applying(b.next), do)
}

// apply folds a batch. If the projector refuses it, its events go one by one to find the one to blame; the transaction
// then fails all the same.
func (b *rebuild) apply(ctx context.Context, tx pgx.Tx, read batch) error {
	if len(read.events) == 0 {
		return nil
	}
	err := pgx.BeginFunc(ctx, tx, func(part pgx.Tx) error { return b.model.apply(ctx, part, read.events) })
	if err == nil || passing(err) {
		return err
	}
	for _, one := range read.single() {
		if err := b.model.apply(ctx, tx, one.events); err != nil {
			return err
		}
	}
	return err
}

func (b *rebuild) reached(read batch, head eventstore.Position) {
	b.done = read.to
	b.events += len(read.events)
	b.progress(b.done.Position, head, b.events)
}
