package reveals_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/projectiontest"
	"github.com/kdesk/client-secrets/projections/reveals"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var (
	ctx    = context.Background()
	one    = uuid.New()
	two    = uuid.New()
	permit = domain.Decision{Allowed: true, PolicyVersion: 1, Via: "rule", Rule: "r", Kind: "ticket_assignee", Ticket: "d:1",
		Evidence: []domain.Evidence{{Stream: "secret-" + one.String(), Revision: 3}}}
	refusal = domain.Decision{PolicyVersion: 1, Code: "no_grant", Evidence: []domain.Evidence{}}
)

// history records events of reveals.
type history struct{ *projectiontest.History }

func (h history) add(e domain.Event) uuid.UUID {
	h.Add(domain.Stream(domain.RevealsKind, h.Workspace), e)
	return h.Events[len(h.Events)-1].ID
}

func given() history {
	h := history{projectiontest.NewHistory()}
	h.add(reveal.FieldRevealed{Secret: one, Field: "a", ValueVersion: 2, Member: "d:ann", Ticket: "d:1", Decision: permit,
		Reason: domain.NewPrivate("because"), Flags: []string{reveal.FlagExpired}, RetryOf: two})
	h.add(reveal.Denied{Secret: two, Field: "b\x00", Member: "d:bob", Ticket: "d:1", Code: "no_grant", Decision: refusal})
	of := h.add(reveal.FieldRevealed{Secret: two, Field: "c", ValueVersion: 1, Member: "d:bob", Decision: permit, Reason: domain.NewPrivate("x\x00")})
	h.add(reveal.Withheld{Of: of, Secret: two, Field: "c", Member: "d:bob", Code: "no_grant", Decision: refusal})
	h.add(reveal.FieldRevealed{Secret: two, Field: "d", ValueVersion: 1, Member: "d:ann", Decision: permit})
	return h
}

func show(items []reveals.Reveal) string {
	var list []string
	for _, r := range items {
		list = append(list, string(r.Kind)+":"+r.Field)
	}
	return strings.Join(list, " ")
}

func TestList(t *testing.T) {
	h := given()
	q := reveals.New(projectiontest.Apply(t, reveals.Projector{}, h.Events))
	cases := []struct {
		name   string
		filter reveals.Filter
		want   string
	}{
		{"all, the newest first", reveals.Filter{}, "revealed:d withheld:c revealed:c denied:b\uFFFD revealed:a"},
		{"the oldest first", reveals.Filter{Order: reveals.Ascending}, "revealed:a denied:b\uFFFD revealed:c withheld:c revealed:d"},
		{"of a secret", reveals.Filter{Secret: one}, "revealed:a"},
		{"of a member", reveals.Filter{Member: "d:ann"}, "revealed:d revealed:a"},
		{"from a ticket", reveals.Filter{Ticket: "d:1"}, "denied:b\uFFFD revealed:a"},
		{"of a kind", reveals.Filter{Kind: reveals.Withheld}, "withheld:c"},
		{"revealed ones", reveals.Filter{Kind: reveals.Revealed}, "revealed:d revealed:c revealed:a"},
		{"from a time on, before another", reveals.Filter{From: h.Events[1].At, To: h.Events[3].At}, "revealed:c denied:b\uFFFD"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			page, err := q.List(ctx, h.Workspace, c.filter, projections.Page{})
			require.NoError(t, err)
			require.Equal(t, c.want, show(page.Items))
			var found []reveals.Reveal
			for p := (projections.Page{Limit: 1}); ; {
				one, err := q.List(ctx, h.Workspace, c.filter, p)
				require.NoError(t, err)
				found = append(found, one.Items...)
				if p.After = one.Next; p.After == "" {
					break
				}
			}
			require.Equal(t, page.Items, found, "page by page")
		})
	}
	none, err := q.List(ctx, uuid.New(), reveals.Filter{}, projections.Page{})
	require.NoError(t, err)
	require.Empty(t, none.Items, "of another workspace")
	for _, f := range []reveals.Filter{{Kind: "odd"}, {Order: "odd"}} {
		_, err = q.List(ctx, h.Workspace, f, projections.Page{})
		require.Error(t, err)
	}
	_, err = q.List(ctx, h.Workspace, reveals.Filter{}, projections.Page{After: `["x"]`})
	require.Error(t, err)
}

func TestRowsAreWhole(t *testing.T) {
	h := given()
	q := reveals.New(projectiontest.Apply(t, reveals.Projector{}, h.Events))
	page, err := q.List(ctx, h.Workspace, reveals.Filter{Order: reveals.Ascending}, projections.Page{})
	require.NoError(t, err)
	first := h.Events[0]
	require.Equal(t, reveals.Reveal{EventID: first.ID, Position: first.Position, At: first.At, Kind: reveals.Revealed, Secret: one,
		Field: "a", ValueVersion: 2, Member: "d:ann", ActorKind: domain.System, Ticket: "d:1", Reason: "because", Decision: domain.Explanation(permit),
		Flags: []string{reveal.FlagExpired}, RetryOf: two}, page.Items[0])
	require.Equal(t, "no_grant", page.Items[1].Code)
	require.Equal(t, domain.Explanation(refusal), page.Items[1].Decision)
	require.Equal(t, page.Items[3].EventID, page.Items[2].WithheldBy)
	require.Equal(t, page.Items[2].EventID, page.Items[3].Of)
}

func TestReasonsGoWithTheirMember(t *testing.T) {
	h := given()
	h.AddTo(domain.MemberKind, "d:ann", member.Erased{ID: "d:ann"})
	h.add(reveal.FieldRevealed{Secret: two, Field: "e", ValueVersion: 1, Member: "d:ann", Decision: permit})
	q := reveals.New(projectiontest.Apply(t, reveals.Projector{}, h.Events))
	page, err := q.List(ctx, h.Workspace, reveals.Filter{Order: reveals.Ascending}, projections.Page{})
	require.NoError(t, err)
	var reasons []string
	for _, r := range page.Items {
		reasons = append(reasons, r.Reason)
	}
	require.Equal(t, []string{"erased", "", "x\uFFFD", "", "", ""}, reasons)
}

func TestMonths(t *testing.T) {
	h := given()
	for i, month := range []time.Month{time.December, time.January, time.January, time.February, time.December} {
		h.Events[i].At = time.Date(2025+i/4, month, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(-i%2) * time.Millisecond)
	}
	pool := projectiontest.Apply(t, reveals.Projector{}, h.Events)
	page, err := reveals.New(pool).List(ctx, h.Workspace, reveals.Filter{}, projections.Page{})
	require.NoError(t, err)
	require.Len(t, page.Items, 5)
}

// create makes the tables, with indexes or, as during a rebuild, without.
func create(t testing.TB, pool *pgxpool.Pool, sql string) {
	_, err := pool.Exec(ctx, "CREATE SCHEMA reveals; SET search_path TO reveals; "+sql+"; RESET search_path")
	require.NoError(t, err)
}

func apply(t testing.TB, pool *pgxpool.Pool, events []domain.Recorded) {
	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL search_path TO reveals"); err != nil {
			return err
		}
		return reveals.Projector{}.Apply(ctx, tx, events)
	}))
}

// BenchmarkApply compares a rebuild in batches of 10,000 with a plain COPY of the same rows into the same tables.
func BenchmarkApply(b *testing.B) {
	const batch, batches = 10_000, 20
	h := history{projectiontest.NewHistory()}
	stream := domain.Stream(domain.RevealsKind, h.Workspace)
	for i := range batch * batches {
		h.Add(stream, reveal.FieldRevealed{Secret: one, Field: "password", ValueVersion: i, Member: "zendesk:1234567", Ticket: "zendesk:7654321",
			Reason: domain.NewPrivate("the client asked on the phone"), Decision: permit})
	}
	b.Run("apply", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			pool := postgrestest.Pool(b)
			create(b, pool, reveals.Projector{}.Schema())
			b.StartTimer()
			for events := range slices.Chunk(h.Events, batch) {
				apply(b, pool, events)
			}
		}
		b.ReportMetric(float64(b.N*batch*batches)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("plain copy", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			pool := postgrestest.Pool(b)
			create(b, pool, reveals.Projector{}.Schema())
			apply(b, pool, h.Events)
			conn, err := pool.Acquire(ctx)
			require.NoError(b, err)
			var rows bytes.Buffer
			_, err = conn.Conn().PgConn().CopyTo(ctx, &rows, "COPY (TABLE reveals.reveal) TO STDOUT BINARY")
			require.NoError(b, err)
			_, err = conn.Exec(ctx, "TRUNCATE reveals.reveal")
			require.NoError(b, err)
			b.StartTimer()
			_, err = conn.Conn().PgConn().CopyFrom(ctx, &rows, "COPY reveals.reveal FROM STDIN BINARY")
			require.NoError(b, err)
			conn.Release()
		}
		b.ReportMetric(float64(b.N*batch*batches)/b.Elapsed().Seconds(), "events/s")
	})
}
