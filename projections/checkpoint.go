package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/eventstore"
)

// errFenced tells that somebody else moved the read model's row: another leader, a rebuild, or a database that came
// back from a crash or a fail-over without the last commits. Whoever gets it changed nothing and must read the row again.
var errFenced = errors.New("the lease was lost")

// checkpoint says how far a read model's tables are: everything up to Position has been considered. LastID is the id of
// the event there, whether the read model reads it or not.
type checkpoint struct {
	Position eventstore.Position
	LastID   uuid.UUID
}

// row is a read model's row in ops.projections.
type row struct {
	checkpoint
	Name      string
	Hash      string
	Version   int
	Epoch     int64
	Holder    string // empty if nobody holds the lease now
	Error     string
	RebuiltAt time.Time
	UpdatedAt time.Time
}

const rowColumns = `name, schema_hash, version, position, last_event_id, epoch,
	 CASE WHEN lease_until > now() THEN lease_holder ELSE '' END, error,
	coalesce(rebuilt_at, 'epoch'), updated_at`

func scanRow(r pgx.CollectableRow) (row, error) {
	var v row
	var position int64
	err := r.Scan(&v.Name, &v.Hash, &v.Version, &position, &v.LastID, &v.Epoch, &v.Holder, &v.Error, &v.RebuiltAt, &v.UpdatedAt)
	v.Position = eventstore.Position(position)
	return v, err
}

// execer is a pool, a connection or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// loadRow returns a read model's row, made if it is missing.
func loadRow(ctx context.Context, db execer, name string) (row, error) {
	if _, err := db.Exec(ctx, "INSERT INTO ops.projections (name) VALUES ($1) ON CONFLICT DO NOTHING", name); err != nil {
		return row{}, fmt.Errorf("entering projection %s: %w", name, err)
	}
	rows, err := db.Query(ctx, "SELECT "+rowColumns+" FROM ops.projections WHERE name = $1", name)
	if err != nil {
		return row{}, fmt.Errorf("reading projection %s: %w", name, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRow)
	if err != nil {
		return row{}, fmt.Errorf("reading projection %s: %w", name, err)
	}
	return r, nil
}

func loadRows(ctx context.Context, db execer) ([]row, error) {
	rows, err := db.Query(ctx, "SELECT "+rowColumns+" FROM ops.projections ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("reading the projections: %w", err)
	}
	return pgx.CollectRows(rows, scanRow)
}

// lease is the right of a holder to move one read model, until somebody takes it over with a higher epoch.
type lease struct {
	name   string
	holder string
	epoch  int64
}

// acquire takes the lease if nobody else has it, for tables of this hash and version only. It commits synchronously,
// even though rows need not: an epoch must never be given twice.
func acquire(ctx context.Context, pool *pgxpool.Pool, m *model, holder string, ttl time.Duration) (row, bool, error) {
	rows, err := pool.Query(ctx, `UPDATE ops.projections
		SET epoch = epoch + 1, lease_holder = $2, lease_until = now() + $3, updated_at = now()
		WHERE name = $1 AND schema_hash = $4 AND version = $5 AND (lease_until < now() OR lease_holder = $2)
		RETURNING `+rowColumns, m.name, holder, ttl, m.hash, m.Version())
	if err != nil {
		return row{}, false, fmt.Errorf("taking the lease of %s: %w", m.name, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRow)
	if errors.Is(err, pgx.ErrNoRows) {
		return row{}, false, nil
	}
	if err != nil {
		return row{}, false, fmt.Errorf("taking the lease of %s: %w", m.name, err)
	}
	return r, true, nil
}

// evict ends the sessions that still write a read model's tables after somebody took its lease over. They cannot commit
// any more, but those of a process that is paused, or of a machine that is gone, would hold their locks for ever.
func evict(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	_, err := pool.Exec(ctx, `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
		WHERE a.datname = current_database() AND a.usename = current_user AND a.backend_type = 'client backend'
		AND a.pid <> pg_backend_pid() AND EXISTS (
			SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
			WHERE l.pid = a.pid AND l.granted AND c.relnamespace = to_regnamespace($1)
			AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'AccessExclusiveLock'))`, quote(schema))
	if err != nil {
		return fmt.Errorf("ending the writers before this one of %s: %w", schema, err)
	}
	return nil
}

// renew keeps the lease. at is the checkpoint as it must still be, nil if that is about to move: a database that crashed
// and lost commits must be noticed even while no events come.
func (l lease) renew(ctx context.Context, db execer, ttl time.Duration, at *checkpoint) error {
	if at == nil {
		return l.update(ctx, db, "SET lease_until = now() + $4", "", ttl)
	}
	return l.update(ctx, db, "SET lease_until = now() + $4", " AND position = $5", ttl, int64(at.Position))
}

// release lets the next one in at once.
func (l lease) release(ctx context.Context, db execer) error {
	return l.update(ctx, db, "SET lease_holder = '', lease_until = '-infinity'", "")
}

func (l lease) fail(ctx context.Context, db execer, text string) error {
	return l.update(ctx, db, "SET error = $4, updated_at = now()", "", text)
}

// advance moves the checkpoint. It asks for the exact position before, not just for a lower one: after a crash of the
// database that lost commits, events between the two would be skipped otherwise.
func (l lease) advance(ctx context.Context, db execer, from, to checkpoint) error {
	return l.update(ctx, db, `SET position = $5, last_event_id = $6, error = '', updated_at = now()`,
		" AND position = $4", int64(from.Position), int64(to.Position), to.LastID)
}

func (l lease) update(ctx context.Context, db execer, set, and string, args ...any) error {
	sql := "UPDATE ops.projections " + set + " WHERE name = $1 AND lease_holder = $2 AND epoch = $3" + and
	tag, err := db.Exec(ctx, sql, append([]any{l.name, l.holder, l.epoch}, args...)...)
	if err != nil {
		return fmt.Errorf("updating projection %s: %w", l.name, err)
	}
	if tag.RowsAffected() == 0 {
		return errFenced
	}
	return nil
}
