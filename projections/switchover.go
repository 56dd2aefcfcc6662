package projections

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// switchOver makes the new tables the live ones in one transaction, which is on disk when it returns. Locking the row
// stops the leader at its next commit, so that what is then missing is little and stays so. The old tables are dropped
// later: a query or the leader's open transaction may hold them, and waiting for those here could deadlock.
func (b *rebuild) switchOver(ctx context.Context) error {
	err := pgx.BeginTxFunc(ctx, b.conn, pgx.TxOptions{BeginQuery: "BEGIN; SET LOCAL search_path TO " + quote(b.next)}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT 1 FROM ops.projections WHERE name = $1 FOR UPDATE", b.model.name); err != nil {
			return err
		}
		if err := b.finish(ctx, tx); err != nil {
			return err
		}
		if err := b.rename(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE ops.projections SET schema_hash = $2, version = $3, position = $4, last_event_id = $5,
			epoch = epoch + 1, lease_holder = '', lease_until = '-infinity', error = '', rebuilt_at = now(), updated_at = now()
			WHERE name = $1`, b.model.name, b.model.hash, b.model.Version(), int64(b.done.Position), b.done.LastID)
		return err
	})
	if err == nil && b.model.term.Load() == nil {
		b.model.fresh.failed("")
		b.model.fresh.applied(b.done.Position)
	}
	return err
}

// finish applies the rest of the log: the leader's checkpoint cannot be beyond a head read after its row was locked.
func (b *rebuild) finish(ctx context.Context, tx pgx.Tx) error {
	head, err := b.runner.cfg.Log.Head(ctx)
	if err != nil {
		return err
	}
	reader := b.runner.cfg.Feed.Reader(b.done.Position, b.model.filter)
	defer reader.Close()
	for reader.Position() < head {
		read, err := gather(ctx, reader, b.runner.cfg.RebuildBatch, head)
		if err != nil {
			return err
		}
		if err := b.apply(ctx, tx, read); err != nil {
			return err
		}
		b.reached(read, head)
	}
	return nil
}

func (b *rebuild) rename(ctx context.Context, tx pgx.Tx) error {
	live, err := schemaExists(ctx, tx, b.model.name)
	if err != nil {
		return err
	}
	if live {
		if _, err := tx.Exec(ctx, "ALTER SCHEMA "+quote(b.model.name)+" RENAME TO "+quote(b.model.name+"_old")); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, "ALTER SCHEMA "+quote(b.next)+" RENAME TO "+quote(b.model.name))
	return err
}

func schemaExists(ctx context.Context, db execer, name string) (bool, error) {
	rows, err := db.Query(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", name)
	if err != nil {
		return false, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
