// Package once lets a projector skip the events that its tables already contain.
//
// It compares log positions, not revisions of single streams: an event of one stream may change rows of another, such as
// a removed ticket the secrets linked to it, and must not do so again after that secret was linked anew.
package once

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
)

// Schema is the table that Fresh needs among those of the read model.
const Schema = `
CREATE TABLE applied (
	one      boolean PRIMARY KEY DEFAULT true CHECK (one),
	position bigint  NOT NULL
);
INSERT INTO applied (position) VALUES (0);
`

// Fresh returns the events that were not applied before, and notes them as applied in tx. Events are in log order.
func Fresh(ctx context.Context, tx pgx.Tx, events []domain.Recorded) ([]domain.Recorded, error) {
	if len(events) == 0 {
		return nil, nil
	}
	last := events[len(events)-1].Position
	var before int64
	err := tx.QueryRow(ctx, `WITH old AS (SELECT position FROM applied FOR UPDATE)
		UPDATE applied SET position = greatest(old.position, $1) FROM old RETURNING old.position`, int64(last)).Scan(&before)
	if err != nil {
		return nil, fmt.Errorf("moving the applied position: %w", err)
	}
	first, _ := slices.BinarySearchFunc(events, uint64(before)+1, func(e domain.Recorded, p uint64) int {
		return int(min(max(int64(e.Position)-int64(p), -1), 1))
	})
	return events[first:], nil
}
