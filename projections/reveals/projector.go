// Package reveals is the read model of what was revealed, refused and held back: a list that only grows, except that a
// reason is erased with its member.
//
// It decides nothing, and it holds no value: a row names the field and the version of its value.
package reveals

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/once"
)

//go:embed schema.sql
var schema string

// Projector copies the events of reveals into rows.
type Projector struct{}

var _ projections.Projector = Projector{}

// Name returns "reveals".
func (Projector) Name() string { return "reveals" }

// Schema returns the SQL of its tables.
func (Projector) Schema() string { return once.Schema + schema }

// Indexes returns the SQL of the indexes that a rebuild makes last.
func (Projector) Indexes() string { return indexes }

// Version returns how often the meaning of the tables changed.
func (Projector) Version() int { return 5 }

// Kinds returns the kinds of streams it reads. Members are read for their erasure.
func (Projector) Kinds() []string { return []string{domain.RevealsKind, domain.MemberKind} }

// Apply adds the rows of a batch. Every row is new to the table, since events that were applied before are skipped.
func (Projector) Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	fresh, err := once.Fresh(ctx, tx, events)
	if err != nil {
		return err
	}
	if n := len(fresh); n > 0 && fresh[n-1].Position >= positions {
		return fmt.Errorf("position %d of the log is beyond what the indexes can hold", fresh[n-1].Position)
	}
	b := foldBatch(fresh)
	if err := b.eraseStored(ctx, tx); err != nil {
		return err
	}
	if len(b.months) == 0 {
		return nil
	}
	if err := makePartitions(ctx, tx, b.months); err != nil {
		return err
	}
	if err := b.copy(ctx, tx); err != nil {
		return err
	}
	return b.markWithheld(ctx, tx)
}

func (b *batch) copy(ctx context.Context, tx pgx.Tx) error {
	for _, m := range b.months { // each into its partition: having PostgreSQL choose for each row costs a fifth of the copy
		sql := "COPY " + m.partition() + " (" + columns + ") FROM STDIN (FORMAT binary)"
		if _, err := tx.Conn().PgConn().CopyFrom(ctx, newCopying(b, m.rows), sql); err != nil {
			return fmt.Errorf("copying reveals: %w", err)
		}
	}
	return nil
}

// markWithheld notes what withheld a reveal. The reveal's own row stays as it is, wherever it is.
func (b *batch) markWithheld(ctx context.Context, tx pgx.Tx) error {
	if len(b.withheld) == 0 {
		return nil
	}
	queue := &pgx.Batch{}
	for _, m := range b.withheld {
		queue.Queue(`INSERT INTO withheld (workspace, of, event_id) VALUES ($1, $2, $3)
			ON CONFLICT (workspace, of) DO UPDATE SET event_id = excluded.event_id`, m.workspace, m.of, m.event)
	}
	if err := tx.SendBatch(ctx, queue).Close(); err != nil {
		return fmt.Errorf("marking withheld reveals: %w", err)
	}
	return nil
}

// eraseStored makes the reasons of erased members read as the log reads from now on.
func (b *batch) eraseStored(ctx context.Context, tx pgx.Tx) error {
	for _, m := range b.erased {
		if _, err := tx.Exec(ctx, "UPDATE reveal SET reason = $3 WHERE workspace = $1 AND member = $2 AND "+byMember.among("$2")+" AND reason IS NOT NULL",
			m.workspace, m.id, domain.ErasedText); err != nil {
			return fmt.Errorf("erasing a member's reasons: %w", err)
		}
	}
	return nil
}
