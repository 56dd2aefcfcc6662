package operations

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	useEvery   = time.Minute
	useQueue   = 256
	usedKeys   = 10_000 // whose last use is kept in memory; beyond that all are forgotten
	useTimeout = 5 * time.Second
)

// KeyUse keeps when API keys were last used: coarsely, to the minute, and written at most once a minute for each key by
// each instance. Nothing waits for it, and what cannot be written is left out. Run writes.
type KeyUse struct {
	pool   *pgxpool.Pool
	logger *slog.Logger
	queue  chan use

	mu   sync.Mutex
	last map[uuid.UUID]time.Time // the minute noted last, by key
}

type use struct {
	workspace, key uuid.UUID
	minute         time.Time
}

// NewKeyUse returns the store on a pool. A nil logger is slog's default.
func NewKeyUse(pool *pgxpool.Pool, logger *slog.Logger) *KeyUse {
	if logger == nil {
		logger = slog.Default()
	}
	return &KeyUse{pool: pool, logger: logger, queue: make(chan use, useQueue), last: map[uuid.UUID]time.Time{}}
}

// Note takes down that a key is being used. It does not wait.
func (k *KeyUse) Note(workspace, key uuid.UUID, at time.Time) {
	u := use{workspace, key, at.UTC().Truncate(useEvery)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !u.minute.After(k.last[key]) {
		return
	}
	select {
	case k.queue <- u:
		if len(k.last) >= usedKeys {
			clear(k.last)
		}
		k.last[key] = u.minute
	default: // the database is slow: a later use is noted
	}
}

// Run writes what was noted until ctx ends.
func (k *KeyUse) Run(ctx context.Context) error {
	for {
		select {
		case u := <-k.queue:
			if err := k.write(ctx, u); err != nil && ctx.Err() == nil {
				k.logger.WarnContext(ctx, "that an API key was used is not noted", "err", err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (k *KeyUse) write(ctx context.Context, u use) error {
	ctx, cancel := context.WithTimeout(ctx, useTimeout)
	defer cancel()
	_, err := k.pool.Exec(ctx, `INSERT INTO operations.api_key_use AS u (workspace, key, used_at) VALUES ($1, $2, $3)
		ON CONFLICT (workspace, key) DO UPDATE SET used_at = excluded.used_at WHERE u.used_at < excluded.used_at`, u.workspace, u.key, u.minute)
	if err != nil {
		return fmt.Errorf("noting the use of an API key: %w", err)
	}
	return nil
}

// LastUsed returns when those keys of a workspace that were used were last used, to the minute.
func (k *KeyUse) LastUsed(ctx context.Context, workspace uuid.UUID, keys []uuid.UUID) (map[uuid.UUID]time.Time, error) {
	rows, err := k.pool.Query(ctx, `SELECT key, used_at FROM operations.api_key_use WHERE workspace = $1 AND key = ANY($2)`, workspace, keys)
	if err != nil {
		return nil, fmt.Errorf("reading the use of API keys: %w", err)
	}
	found := make(map[uuid.UUID]time.Time, len(keys))
	var key uuid.UUID
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&key, &at}, func() error {
		found[key] = at.UTC()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the use of API keys: %w", err)
	}
	return found, nil
}
