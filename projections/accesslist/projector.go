// Package accesslist is the read model of the facts that access follows from, each with the log positions between which
// it held: who could have access to a secret, and to what a member could, is one query for now and for then.
//
// It does not decide. What it names are candidates by grants alone: callers confirm each with the access decision at the
// same position, which also looks at settings, permissions and states. Nobody whom the decision lets in is missing.
package accesslist

import (
	"context"
	_ "embed"
	"fmt"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/once"
)

//go:embed schema.sql
var schema string

// Projector folds the facts of directory, secrets and service accounts.
type Projector struct{}

var _ projections.Projector = Projector{}

// Name returns "accesslist".
func (Projector) Name() string { return "accesslist" }

// Schema returns the SQL of its tables.
func (Projector) Schema() string { return once.Schema + schema }

// Version returns how often the meaning of the tables changed.
func (Projector) Version() int { return 1 }

// Kinds returns the kinds of streams it reads.
func (Projector) Kinds() []string {
	return []string{domain.WorkspaceKind, domain.MemberKind, domain.GroupKind, domain.ContactKind, domain.TicketKind,
		domain.SecretKind}
}

// Apply folds a batch into the tables.
func (Projector) Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	fresh, err := once.Fresh(ctx, tx, events)
	if err != nil {
		return err
	}
	f := newFold()
	if err := f.load(ctx, tx, needsOf(fresh)); err != nil {
		return err
	}
	for _, e := range fresh {
		if err := f.apply(e); err != nil {
			return fmt.Errorf("applying event %s at position %d: %w", e.ID, e.Position, err)
		}
	}
	return f.save(ctx, tx)
}

// open is the end of a fact that still holds.
const open = math.MaxInt64

const loadSQL = `SELECT workspace, subject, role, value, rule, while_open, from_position FROM fact
		JOIN unnest($1::uuid[], $2::text[]) AS t(workspace, subject) USING (workspace, subject) WHERE to_position = $5
	UNION SELECT workspace, subject, role, value, rule, while_open, from_position FROM fact
		JOIN unnest($3::uuid[], $4::text[]) AS t(workspace, value) USING (workspace, value) WHERE to_position = $5`

func (f *fold) load(ctx context.Context, tx pgx.Tx, n needs) error {
	if len(n.subjects)+len(n.ended) == 0 {
		return nil
	}
	ws, subjects := n.subjects.columns()
	vws, values := n.ended.columns()
	rows, err := tx.Query(ctx, loadSQL, ws, subjects, vws, values, int64(open))
	if err != nil {
		return fmt.Errorf("loading facts: %w", err)
	}
	var v fact
	var from int64
	_, err = pgx.ForEachRow(rows, []any{&v.workspace, &v.subject, &v.role, &v.value, &v.rule, &v.whileOpen, &from}, func() error {
		f.add(v, &span{from: from, to: open, stored: true})
		return nil
	})
	if err != nil {
		return fmt.Errorf("loading facts: %w", err)
	}
	return nil
}

const closeSQL = `UPDATE fact f SET to_position = t.to_position
	FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
		AS t(workspace, subject, role, value, rule, from_position, to_position)
	WHERE f.workspace = t.workspace AND f.subject = t.subject AND f.role = t.role AND f.value = t.value AND f.rule = t.rule
	AND f.from_position = t.from_position`

func (f *fold) save(ctx context.Context, tx pgx.Tx) error {
	if err := f.saveEnds(ctx, tx); err != nil {
		return err
	}
	if len(f.begun) == 0 {
		return nil
	}
	columns := []string{"workspace", "subject", "role", "value", "rule", "while_open", "from_position", "to_position"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"fact"}, columns, pgx.CopyFromSlice(len(f.begun), func(i int) ([]any, error) {
		v := f.begun[i]
		return []any{v.workspace, v.subject, v.role, v.value, v.rule, v.whileOpen, v.from, v.to}, nil
	}))
	if err != nil {
		return fmt.Errorf("adding facts: %w", err)
	}
	return nil
}

func (f *fold) saveEnds(ctx context.Context, tx pgx.Tx) error {
	if len(f.ended) == 0 {
		return nil
	}
	n := len(f.ended)
	workspaces, from, to := make([]uuid.UUID, n), make([]int64, n), make([]int64, n)
	subjects, roles, values, rules := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, v := range f.ended {
		workspaces[i], from[i], to[i] = v.workspace, v.from, v.to
		subjects[i], roles[i], values[i], rules[i] = v.subject, v.role, v.value, v.rule
	}
	if _, err := tx.Exec(ctx, closeSQL, workspaces, subjects, roles, values, rules, from, to); err != nil {
		return fmt.Errorf("ending facts: %w", err)
	}
	return nil
}
