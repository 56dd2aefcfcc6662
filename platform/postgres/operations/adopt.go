package operations

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// AdoptLog makes what is kept here fit a log that went back in time: reactions whose checkpoint is not of that log follow
// it anew, as its fits tells, and remembered answers, which may be of lost events, are forgotten: a repeated command still
// finds itself in the log. It returns the names of those reactions.
func AdoptLog(ctx context.Context, pool *pgxpool.Pool, fits func(position uint64, lastID uuid.UUID) (bool, error)) (anew []string, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if anew, err = foreign(ctx, tx, fits); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE operations.reactions SET position = 0, last_event_id = $2, epoch = epoch + 1,
			lease_holder = '', lease_until = '-infinity', updated_at = now() WHERE name = ANY($1)`, anew, uuid.Nil)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM operations.idempotency`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("adopting the log: %w", err)
	}
	return anew, nil
}

// foreign locks all reactions and returns the names of those that do not fit.
func foreign(ctx context.Context, tx pgx.Tx, fits func(uint64, uuid.UUID) (bool, error)) (names []string, err error) {
	rows, err := tx.Query(ctx, `SELECT name, position, last_event_id FROM operations.reactions ORDER BY name FOR UPDATE`)
	if err != nil {
		return nil, err
	}
	var name string
	var position int64
	var lastID uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&name, &position, &lastID}, func() error {
		ok, err := fits(uint64(position), lastID)
		if err == nil && !ok {
			names = append(names, name)
		}
		return err
	})
	return names, err
}
