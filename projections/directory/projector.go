// Package directory is the read model of workspaces and of whom and what the helpdesk told them of: members, groups,
// contacts, tickets, and the service accounts.
//
// It decides nothing: permissions here are for display, the access index is what counts. It keeps no hash of an API key.
package directory

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/once"
)

// Name is the read model's name.
const Name = "directory"

//go:embed schema.sql
var schema string

//go:embed indexes.sql
var indexes string

// Projector folds the directory's events into tables.
type Projector struct{}

var (
	_ projections.Projector = Projector{}
	_ projections.Indexer   = Projector{}
)

// Name returns "directory".
func (Projector) Name() string { return Name }

// Schema returns the SQL of its tables.
func (Projector) Schema() string { return once.Schema + schema }

// Indexes returns the SQL of the indexes for queries.
func (Projector) Indexes() string { return indexes }

// Version returns how often the meaning of the tables changed.
func (Projector) Version() int { return 2 }

// Kinds returns the kinds of streams it reads.
func (Projector) Kinds() []string {
	return []string{domain.WorkspaceKind, domain.MemberKind, domain.GroupKind, domain.ContactKind, domain.TicketKind}
}

// Apply loads the rows that a batch is about, folds the events into them and writes them back.
func (Projector) Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	fresh, err := once.Fresh(ctx, tx, events)
	if err != nil || len(fresh) == 0 {
		return err
	}
	f := newFold()
	for _, e := range fresh {
		f.want(e)
	}
	if err := f.load(ctx, tx); err != nil {
		return fmt.Errorf("loading what a batch is about: %w", err)
	}
	for _, e := range fresh {
		if err := f.apply(e); err != nil {
			return fmt.Errorf("applying %s at position %d: %w", e.Event.EventType(), e.Position, err)
		}
	}
	if err := f.save(ctx, tx); err != nil {
		return fmt.Errorf("saving what a batch changed: %w", err)
	}
	return nil
}
