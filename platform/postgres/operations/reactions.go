package operations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Reactions keeps how far reactions have followed the log, and lends each to one instance at a time. The epoch of a loan
// rises with each, so that a former holder changes nothing.
type Reactions struct {
	pool *pgxpool.Pool
}

// NewReactions returns the store on a pool.
func NewReactions(pool *pgxpool.Pool) *Reactions { return &Reactions{pool} }

// Acquire lends a reaction to a holder for some time and tells where it goes on: after position, the id of whose event is
// lastID. ok is false while another holder has it. The holder of a loan that is not over gets it again.
func (s *Reactions) Acquire(ctx context.Context, name, holder string, during time.Duration) (position uint64, lastID uuid.UUID, epoch int64, ok bool, err error) {
	_, err = s.pool.Exec(ctx, `INSERT INTO operations.reactions (name) VALUES ($1) ON CONFLICT DO NOTHING`, name)
	if err != nil {
		return 0, uuid.Nil, 0, false, fmt.Errorf("entering the reaction %s: %w", name, err)
	}
	var at int64
	err = s.pool.QueryRow(ctx, `UPDATE operations.reactions
		SET epoch = epoch + 1, lease_holder = $2, lease_until = now() + $3, updated_at = now()
		WHERE name = $1 AND (lease_until < now() OR lease_holder = $2)
		RETURNING position, last_event_id, epoch`, name, holder, during).Scan(&at, &lastID, &epoch)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, uuid.Nil, 0, false, nil
	}
	if err != nil {
		return 0, uuid.Nil, 0, false, fmt.Errorf("acquiring the reaction %s: %w", name, err)
	}
	return uint64(at), lastID, epoch, true, nil
}

// Renew prolongs a loan; false if it is another's by now.
func (s *Reactions) Renew(ctx context.Context, name string, epoch int64, during time.Duration) (bool, error) {
	return s.update(ctx, `SET lease_until = now() + $3`, name, epoch, during)
}

// Advance moves the checkpoint, never back; false if the loan is another's by now.
func (s *Reactions) Advance(ctx context.Context, name string, epoch int64, position uint64, lastID uuid.UUID) (bool, error) {
	return s.update(ctx, `SET position = greatest(position, $3), last_event_id = CASE WHEN $3 > position THEN $4 ELSE last_event_id END,
		updated_at = now()`, name, epoch, int64(position), lastID)
}

// Release ends a loan, so that the next holder need not wait.
func (s *Reactions) Release(ctx context.Context, name string, epoch int64) error {
	_, err := s.update(ctx, `SET lease_holder = '', lease_until = '-infinity'`, name, epoch)
	return err
}

func (s *Reactions) update(ctx context.Context, set, name string, epoch int64, args ...any) (bool, error) {
	done, err := s.pool.Exec(ctx, `UPDATE operations.reactions `+set+` WHERE name = $1 AND epoch = $2`, append([]any{name, epoch}, args...)...)
	if err != nil {
		return false, fmt.Errorf("updating the reaction %s: %w", name, err)
	}
	return done.RowsAffected() == 1, nil
}
