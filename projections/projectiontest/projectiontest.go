// Package projectiontest checks projectors on a real PostgreSQL: given events, then rows, however the events are cut into
// batches and however often they come. It is for tests only and has no event log: events are made as a log would give
// them.
package projectiontest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
)

// History makes recorded events of one workspace, in log order.
type History struct {
	Workspace uuid.UUID
	Events    []domain.Recorded
	revisions map[string]uint64
}

// Start is when a history's first event is recorded. Each one after it is a minute later.
var Start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// NewHistory returns an empty history of a new workspace.
func NewHistory() *History {
	return &History{Workspace: uuid.New(), revisions: map[string]uint64{}}
}

// Add records events in a stream of the workspace.
func (h *History) Add(stream string, events ...domain.Event) {
	for _, e := range events {
		revision, ok := h.revisions[stream]
		if ok {
			revision++
		}
		h.revisions[stream] = revision
		n := len(h.Events) + 1
		h.Events = append(h.Events, domain.Recorded{
			ID: uuid.New(), Stream: stream, Revision: revision, Position: uint64(100 * n), At: Start.Add(time.Duration(n-1) * time.Minute),
			Meta:  domain.Meta{Workspace: h.Workspace, Actor: domain.Actor{Kind: domain.System}, Command: uuid.New()},
			Event: e,
		})
	}
}

// AddTo records events in the stream of a directory thing.
func (h *History) AddTo(kind, id string, events ...domain.Event) {
	h.Add(domain.DirectoryStream(h.Workspace, kind, id), events...)
}

// Apply gives a new database whose tables of the projector hold the events. It fails the test unless the same rows come
// out of one batch, of that batch applied twice, of each event in a batch of its own, and of each of those applied twice,
// some with everything before them once more.
func Apply(t testing.TB, p projections.Projector, events []domain.Recorded) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.Pool(t)
	create(t, pool, p, p.Name())
	apply(t, pool, p, p.Name(), events)
	want := Dump(t, pool, p.Name())
	apply(t, pool, p, p.Name(), events)
	require.Equal(t, want, Dump(t, pool, p.Name()), "the same batch applied twice")

	create(t, pool, p, "singly")
	for i := range events {
		apply(t, pool, p, "singly", events[i:i+1])
		apply(t, pool, p, "singly", events[i:i+1])
		if i%7 == 0 {
			apply(t, pool, p, "singly", events[:i+1])
		}
	}
	require.Equal(t, want, Dump(t, pool, "singly"), "each event in its own batch, twice")
	return pool
}

func create(t testing.TB, pool *pgxpool.Pool, p projections.Projector, schema string) {
	t.Helper()
	_, err := pool.Exec(context.Background(), "CREATE SCHEMA "+schema)
	require.NoError(t, err)
	inSchema(t, pool, schema, func(tx pgx.Tx) error {
		sql := p.Schema()
		if i, ok := p.(projections.Indexer); ok {
			sql += i.Indexes()
		}
		_, err := tx.Exec(context.Background(), sql)
		return err
	})
}

func apply(t testing.TB, pool *pgxpool.Pool, p projections.Projector, schema string, events []domain.Recorded) {
	t.Helper()
	inSchema(t, pool, schema, func(tx pgx.Tx) error { return p.Apply(context.Background(), tx, events) })
}

func inSchema(t testing.TB, pool *pgxpool.Pool, schema string, do func(tx pgx.Tx) error) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(context.Background(), "SET LOCAL search_path TO "+schema); err != nil {
			return err
		}
		return do(tx)
	}))
}

// Dump returns every row of every table of a schema as text, sorted, so that two fillings can be compared.
func Dump(t testing.TB, pool *pgxpool.Pool, schema string) string {
	t.Helper()
	ctx := context.Background()
	rows, err := pool.Query(ctx, "SELECT tablename::text FROM pg_tables WHERE schemaname = $1", schema)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(tables)
	var dump strings.Builder
	for _, table := range tables {
		rows, err := pool.Query(ctx, "SELECT to_jsonb(r)::text AS row FROM "+pgx.Identifier{schema, table}.Sanitize()+" r ORDER BY row")
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		fmt.Fprintf(&dump, "%s: %d\n%s\n", table, len(lines), strings.Join(lines, "\n"))
	}
	return dump.String()
}
