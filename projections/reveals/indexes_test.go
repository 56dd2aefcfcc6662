package reveals

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/projectiontest"
)

// Each list is read from an index that has its order.
func TestListsHaveTheirIndex(t *testing.T) {
	h := projectiontest.NewHistory()
	h.Add(domain.Stream(domain.RevealsKind, h.Workspace), reveal.FieldRevealed{Secret: uuid.New(), Field: "a", Member: "d:ann", Ticket: "d:1"})
	pool := projectiontest.Apply(t, Projector{}, h.Events)
	for condition, filter := range map[string]Filter{
		"((uuid_hash_extended(workspace,": {},
		"((uuid_hash_extended(secret,":    {Secret: uuid.New()},
		"((hashtextextended(member,":      {Member: "d:ann"},
		"((hashtextextended(ticket,":      {Ticket: "d:1"},
		"AND (kind = 'denied'::text)":     {Kind: Denied},
	} {
		for _, order := range []Order{Ascending, Descending} {
			filter.Order = order
			plan := planOf(t, pool, h.Workspace, filter)
			require.Regexp(t, "Index Cond: .*"+regexp.QuoteMeta(condition)+".*position", plan)
			require.NotContains(t, plan, "Sort")
		}
	}
}

// planOf returns how PostgreSQL reads a page of a list if it may not read the whole table.
func planOf(t *testing.T, pool *pgxpool.Pool, workspace uuid.UUID, f Filter) string {
	ctx := context.Background()
	sql, args, err := listSQL(workspace, f, projections.Page{After: `["7"]`})
	require.NoError(t, err)
	var lines []string
	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan TO off; SET LOCAL enable_bitmapscan TO off"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "EXPLAIN "+sql, args...)
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	}))
	return strings.Join(lines, "\n")
}
