package reveals

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
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
		"(((uuid_hash_extended(secret,":   {Secret: uuid.New()},
		"(((hashtextextended(member,":     {Member: "d:ann"},
		"(((hashtextextended(ticket,":     {Ticket: "d:1"},
		"AND (kind = 'denied'::text)":     {Kind: Denied},
	} {
		for _, order := range []Order{Ascending, Descending} {
			filter.Order = order
			plan := planOf(t, pool, h.Workspace, filter)
			require.Regexp(t, "Index Cond: .*"+regexp.QuoteMeta(condition)+".*position.* [<>] ", plan, "the cursor is in it")
			require.NotContains(t, plan, "Sort")
		}
	}
}

// Where two workspaces have the same number for a member, and two members the same number in a workspace, their rows are in
// each other's part of the index, not of the list. Positions are the last that there are.
func TestValuesWithTheSameNumberAreKeptApart(t *testing.T) {
	ctx, h := context.Background(), projectiontest.NewHistory()
	pool := projectiontest.Apply(t, Projector{}, nil)
	find := func(alike, of, number string) []string {
		rows, err := pool.Query(ctx, "SELECT (array_agg("+alike+"))[1:2] FROM (SELECT "+of+" AS "+alike+" FROM generate_series(1, 10000) n) AS all_of GROUP BY "+
			number+" HAVING count(*) > 1 LIMIT 1")
		require.NoError(t, err)
		found, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]string])
		require.NoError(t, err)
		return found
	}
	workspaces := find("w", "md5(n::text)", byMember.number("'d:ann'", "w::uuid", "0"))
	members := find("m", "'d:' || n", byMember.number("m", "'"+workspaces[0]+"'::uuid", "0"))
	type whose struct{ workspace, member string }
	everybody := []whose{{workspaces[0], "d:ann"}, {workspaces[1], "d:ann"}, {workspaces[0], members[0]}, {workspaces[0], members[1]}}
	for i := range 5 * len(everybody) {
		who := everybody[i%len(everybody)]
		h.Workspace = uuid.MustParse(who.workspace)
		h.Add(domain.Stream(domain.RevealsKind, h.Workspace), reveal.FieldRevealed{Secret: uuid.New(), Field: who.member, Member: who.member,
			Ticket: "d:1", Reason: domain.NewPrivate("because of " + who.workspace)})
		h.Events[i].Position = positions - 100 + uint64(i)
	}
	h.Workspace = uuid.MustParse(workspaces[1])
	h.AddTo(domain.MemberKind, "d:ann", member.Erased{ID: "d:ann"})
	h.Events[len(h.Events)-1].Position = positions - 1
	apply := func(events []domain.Recorded) {
		require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL search_path TO reveals; SET LOCAL enable_seqscan TO off"); err != nil {
				return err
			}
			return Projector{}.Apply(ctx, tx, events)
		}))
	}
	apply(h.Events[:len(h.Events)-1])
	apply(h.Events[len(h.Events)-1:])
	for _, who := range everybody {
		for _, filter := range []Filter{{Member: who.member}, {Member: who.member, Ticket: "d:1"}} {
			for _, filter.Order = range []Order{Ascending, Descending} {
				var seen []uint64
				for page := (projections.Page{Limit: 2}); ; {
					list, err := New(pool).List(ctx, uuid.MustParse(who.workspace), filter, page)
					require.NoError(t, err)
					for _, r := range list.Items {
						require.Equal(t, who.member, r.Field)
						if who == everybody[1] {
							require.Equal(t, domain.ErasedText, r.Reason)
						} else {
							require.Equal(t, "because of "+who.workspace, r.Reason)
						}
						seen = append(seen, r.Position)
					}
					if page.After = list.Next; page.After == "" || len(seen) > 5 {
						break
					}
				}
				require.Len(t, seen, 5)
				if filter.Order == Descending {
					slices.Reverse(seen)
				}
				require.IsIncreasing(t, seen)
			}
		}
	}
}

func TestACursorThatIsNoPositionIsRefused(t *testing.T) {
	for _, cursor := range []string{`["-1"]`, `["17592186044416"]`, `["x"]`} {
		_, _, err := listSQL(uuid.New(), Filter{Member: "d:ann"}, projections.Page{After: cursor})
		require.ErrorIs(t, err, errCursor, cursor)
	}
	_, _, err := listSQL(uuid.New(), Filter{Member: "d:ann"}, projections.Page{After: `["17592186044415"]`})
	require.NoError(t, err)
}

func TestAPositionThatTheIndexesCannotHoldIsRefused(t *testing.T) {
	h := projectiontest.NewHistory()
	h.Add(domain.Stream(domain.RevealsKind, h.Workspace), reveal.FieldRevealed{Secret: uuid.New(), Field: "a", Member: "d:ann"})
	pool := projectiontest.Apply(t, Projector{}, nil)
	h.Events[0].Position = positions
	require.ErrorContains(t, pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(context.Background(), "SET LOCAL search_path TO reveals")
		return errors.Join(err, Projector{}.Apply(context.Background(), tx, h.Events))
	}), "position")
}

// A list of one of many tenants is read in order, not all at once to be sorted.
func TestListsOfOneOfManyTenantsAreNotSorted(t *testing.T) {
	ctx, one := context.Background(), uuid.New()
	h := projectiontest.NewHistory()
	h.Add(domain.Stream(domain.RevealsKind, h.Workspace), reveal.FieldRevealed{Secret: one, Field: "a", Member: "d:ann", Ticket: "d:1"})
	pool := projectiontest.Apply(t, Projector{}, h.Events)
	conn, err := pool.Acquire(ctx)
	require.NoError(t, err)
	for _, sql := range []string{
		"SET statement_timeout TO 0", // a busy machine takes longer than a query may
		`INSERT INTO reveals.reveal (workspace, position, at, event_id, kind, secret, field, value_version, member,
			actor_kind, ticket, decision) SELECT lpad((n % 100)::text, 32, '0')::uuid, 1000 + n, at, gen_random_uuid(), kind, secret, field,
			value_version, member, actor_kind, ticket, decision FROM reveals.reveal, generate_series(1, 100000) n`,
		"ANALYZE reveals.reveal",
	} {
		_, err := conn.Exec(ctx, sql)
		require.NoError(t, err)
	}
	conn.Release()
	for tenant := range 100 { // wherever its numbers are among those of which PostgreSQL keeps a sample
		workspace := uuid.MustParse(fmt.Sprintf("%032d", tenant))
		for _, filter := range []Filter{{}, {Kind: Revealed}, {Secret: one}, {Member: "d:ann"}, {Ticket: "d:1"}, {Member: "d:ann", Kind: Revealed},
			{Secret: one, Member: "d:ann", Ticket: "d:1"}} {
			for _, after := range []string{"", `["100500"]`} {
				sql, args, err := listSQL(workspace, filter, projections.Page{After: after})
				require.NoError(t, err)
				plan := explain(t, pool, "", sql, args)
				require.NotContains(t, plan, "Sort  ", "%+v", filter)
				require.Regexp(t, "Index Scan", plan)
			}
		}
	}
}

// planOf returns how PostgreSQL reads a page of a list if it may not read the whole table.
func planOf(t *testing.T, pool *pgxpool.Pool, workspace uuid.UUID, f Filter) string {
	sql, args, err := listSQL(workspace, f, projections.Page{After: `["7"]`})
	require.NoError(t, err)
	return explain(t, pool, "SET LOCAL enable_seqscan TO off; SET LOCAL enable_bitmapscan TO off", sql, args)
}

func explain(t *testing.T, pool *pgxpool.Pool, settings, sql string, args []any) string {
	ctx := context.Background()
	var lines []string
	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, settings); err != nil {
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
