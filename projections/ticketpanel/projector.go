// Package ticketpanel is the read model behind a ticket's panel: one round trip brings the records that are linked to
// the ticket or share a contact with it, whole, and those that could be linked.
//
// It does not know who may see what: callers pass the access decision.
package ticketpanel

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/record"
	"github.com/kdesk/client-secrets/projections/record/table"
)

//go:embed schema.sql
var schema string

// Projector folds template, secret, ticket and contact events.
type Projector struct{}

var _ projections.Projector = Projector{}

// Name returns "ticketpanel".
func (Projector) Name() string { return "ticketpanel" }

// Schema returns the SQL of its tables.
func (Projector) Schema() string { return table.Schema + schema }

// Indexes returns the SQL of the indexes that a rebuild makes last.
func (Projector) Indexes() string { return table.Indexes }

// Version returns how often the meaning of the tables changed.
func (Projector) Version() int { return 2 }

// Kinds returns the kinds of streams it reads.
func (Projector) Kinds() []string { return record.Kinds() }

// Apply folds a batch into the tables.
func (Projector) Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	_, fresh, err := table.Fold(ctx, tx, events)
	if err != nil {
		return err
	}
	return applyTickets(ctx, tx, fresh)
}

// name is a ticket of a workspace.
type name struct {
	workspace uuid.UUID
	id        string
}

// applyTickets saves the last state of each ticket: a ticket's event tells it whole.
func applyTickets(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	last := map[name][]string{} // keys; nil once removed
	for _, e := range events {
		switch v := e.Event.(type) {
		case ticket.Synced:
			last[name{e.Meta.Workspace, v.ID}] = keysOf(v)
		case ticket.Removed:
			last[name{e.Meta.Workspace, v.ID}] = nil
		}
	}
	if len(last) == 0 {
		return nil
	}
	var workspaces []uuid.UUID
	var ids []string
	var rows [][]any
	for n, keys := range last {
		workspaces, ids = append(workspaces, n.workspace), append(ids, n.id)
		if keys != nil {
			rows = append(rows, []any{n.workspace, n.id, keys})
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM ticket t USING unnest($1::uuid[], $2::text[]) AS g(workspace, id)
		WHERE t.workspace = g.workspace AND t.id = g.id`, workspaces, ids); err != nil {
		return fmt.Errorf("dropping tickets: %w", err)
	}
	columns := []string{"workspace", "id", "keys"}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"ticket"}, columns, pgx.CopyFromRows(rows)); err != nil {
		return fmt.Errorf("adding tickets: %w", err)
	}
	return nil
}

func keysOf(t ticket.Synced) []string {
	keys := []string{string(record.TicketKey(t.ID))}
	if t.Contact != "" {
		keys = append(keys, string(record.ContactKey(t.Contact)))
	}
	for _, c := range t.Contacts {
		if c != t.Contact {
			keys = append(keys, string(record.ContactKey(c)))
		}
	}
	return keys
}
