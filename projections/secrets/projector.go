// Package secrets is the read model of secret records: the list and the detail, without values.
//
// It does not know who may see what: callers pass the ids they may list, or ask the access decision about each record.
package secrets

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/record"
	"github.com/kdesk/client-secrets/projections/record/table"
)

//go:embed schema.sql
var schema string

// Projector folds template, secret, ticket and contact events into records.
type Projector struct{}

var _ projections.Projector = Projector{}

// Name returns "secrets".
func (Projector) Name() string { return "secrets" }

// Schema returns the SQL of its tables.
func (Projector) Schema() string { return table.Schema + schema }

// Indexes returns the SQL of the indexes that a rebuild makes last.
func (Projector) Indexes() string { return table.Indexes }

// Version returns how often the meaning of the tables changed.
func (Projector) Version() int { return 2 }

// Kinds returns the kinds of streams it reads. Tickets and contacts are read for their removal: it ends relations.
func (Projector) Kinds() []string { return record.Kinds() }

// Apply folds a batch into the tables.
func (Projector) Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	set, _, err := table.Fold(ctx, tx, events)
	if err != nil {
		return err
	}
	values := set.Values()
	if len(values) == 0 {
		return nil
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"value_version"},
		[]string{"workspace", "secret", "field", "version", "is_set", "changed_at", "changed_by"},
		pgx.CopyFromSlice(len(values), func(i int) ([]any, error) {
			v := values[i]
			return []any{v.Workspace, v.ID, v.Field, v.Version, v.Set, v.ChangedAt, v.ChangedBy}, nil
		}))
	if err != nil {
		return fmt.Errorf("adding value versions: %w", err)
	}
	return nil
}
