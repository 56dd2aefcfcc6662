package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Epoch is one KEK of a workspace that is not retired.
type Epoch struct {
	Number int       `json:"epoch"`
	Since  time.Time `json:"since"`
	Keys   int       `json:"keys"` // that are wrapped by it
}

// Epochs returns a workspace's epochs that are not retired, the oldest first: the last one is the current one. Of a
// workspace that has no key yet there are none.
func (v *Vault) Epochs(ctx context.Context, workspace uuid.UUID) ([]Epoch, error) {
	rows, err := v.pool.Query(ctx, `
		SELECT k.epoch, k.created_at, (SELECT count(*) FROM vault.deks d
			WHERE d.workspace = k.workspace AND d.epoch = k.epoch AND d.destroyed_at IS NULL)
		FROM vault.keks k WHERE k.workspace = $1 ORDER BY k.epoch`, workspace)
	if err != nil {
		return nil, fmt.Errorf("reading key epochs: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Epoch, err error) {
		err = row.Scan(&e.Number, &e.Since, &e.Keys)
		e.Since = e.Since.UTC()
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading key epochs: %w", err)
	}
	return list, nil
}

// Workspaces returns the workspaces that have keys, in a fixed order.
func (v *Vault) Workspaces(ctx context.Context) ([]uuid.UUID, error) {
	rows, err := v.pool.Query(ctx, `SELECT DISTINCT workspace FROM vault.keks ORDER BY workspace`)
	if err != nil {
		return nil, fmt.Errorf("listing the workspaces that have keys: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("listing the workspaces that have keys: %w", err)
	}
	return list, nil
}
