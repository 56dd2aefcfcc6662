// Package operations keeps the tables of the server's own running in the schema operations: what idempotent requests were
// answered. They are neither primary data nor read models; losing them costs a repetition its stored answer.
package operations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/platform/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	keepFor    = "24 hours"
	sweepEvery = 10 * time.Minute
	sweepBatch = 5000 // rows deleted at a time
)

// Migrate brings the schema up to date.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	return postgres.Migrate(ctx, pool, migrations, "operations")
}

// Idempotency remembers, for a day, what requests with an idempotency key were answered. A key is that of one principal
// in one workspace. Sweep forgets them.
type Idempotency struct {
	pool   *pgxpool.Pool
	logger *slog.Logger
}

// NewIdempotency returns the store on a pool. A nil logger is slog's default.
func NewIdempotency(pool *pgxpool.Pool, logger *slog.Logger) *Idempotency {
	if logger == nil {
		logger = slog.Default()
	}
	return &Idempotency{pool, logger}
}

// The row is taken over when its day is over, so that no sweep has to come first. One statement may not see a row that
// another inserts at the same moment: it then returns nothing and is repeated.
const beginSQL = `WITH taken AS (
		INSERT INTO operations.idempotency AS i (workspace, principal, key, hash) VALUES ($1, $2, $3, $4)
		ON CONFLICT (workspace, principal, key) DO UPDATE SET hash = excluded.hash, answer = NULL, created_at = now()
		WHERE i.created_at < now() - interval '` + keepFor + `'
		RETURNING hash, answer)
	SELECT hash, answer FROM taken
	UNION ALL SELECT hash, answer FROM operations.idempotency
	WHERE workspace = $1 AND principal = $2 AND key = $3 AND NOT EXISTS (SELECT FROM taken)`

const beginTries = 3

// Begin notes that a request is being carried out. reused tells that another request, by its hash, had the key; answer is
// what this one was answered before, nil if it has no answer yet.
func (s *Idempotency) Begin(ctx context.Context, workspace uuid.UUID, principal, key string, hash [32]byte) (reused bool, answer []byte, err error) {
	for range beginTries {
		var first []byte
		err = s.pool.QueryRow(ctx, beginSQL, workspace, principal, key, hash[:]).Scan(&first, &answer)
		if err == nil {
			return [32]byte(first) != hash, answer, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			break
		}
	}
	return false, nil, fmt.Errorf("noting an idempotency key: %w", err)
}

// Finish notes the answer, JSON without anything secret. The first answer stays.
func (s *Idempotency) Finish(ctx context.Context, workspace uuid.UUID, principal, key string, hash [32]byte, answer []byte) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO operations.idempotency AS i (workspace, principal, key, hash, answer) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (workspace, principal, key) DO UPDATE SET answer = excluded.answer WHERE i.hash = excluded.hash AND i.answer IS NULL`,
		workspace, principal, key, hash[:], answer)
	if err != nil {
		return fmt.Errorf("noting an idempotent answer: %w", err)
	}
	return nil
}

// Abandon forgets a request that was refused, unless it has an answer.
func (s *Idempotency) Abandon(ctx context.Context, workspace uuid.UUID, principal, key string, hash [32]byte) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM operations.idempotency
		WHERE workspace = $1 AND principal = $2 AND key = $3 AND hash = $4 AND answer IS NULL`, workspace, principal, key, hash[:])
	if err != nil {
		return fmt.Errorf("forgetting an idempotency key: %w", err)
	}
	return nil
}

// Sweep deletes rows older than a day, again and again until ctx ends.
func (s *Idempotency) Sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.logger.WarnContext(ctx, "sweeping idempotency keys failed", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sweep deletes what is old now, in bounded batches.
func (s *Idempotency) sweep(ctx context.Context) error {
	for {
		deleted, err := s.pool.Exec(ctx, `DELETE FROM operations.idempotency WHERE ctid = ANY(ARRAY(
			SELECT ctid FROM operations.idempotency WHERE created_at < now() - interval '`+keepFor+`' LIMIT $1 FOR UPDATE SKIP LOCKED))`, sweepBatch)
		if err != nil {
			return fmt.Errorf("sweeping idempotency keys: %w", err)
		}
		if deleted.RowsAffected() < sweepBatch {
			return nil
		}
	}
}
