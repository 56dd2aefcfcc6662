package directory

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// key names a row of any table here.
type key struct {
	workspace uuid.UUID
	id        string
}

// rows are those of one table that a batch touches. All tables begin with the columns workspace and id.
type rows[R any] struct {
	table   string
	columns []string
	fields  func(*R) []any // pointers to what the columns hold

	wanted  map[key]bool
	stored  map[key]bool // were in the table when loaded
	now     map[key]*R
	changed map[key]bool
}

func newRows[R any](table, columns string, fields func(*R) []any) *rows[R] {
	return &rows[R]{table: table, columns: append([]string{"workspace", "id"}, strings.Fields(columns)...), fields: fields,
		wanted: map[key]bool{}, stored: map[key]bool{}, now: map[key]*R{}, changed: map[key]bool{}}
}

func (s *rows[R]) want(k key) { s.wanted[k] = true }

// get returns a row to read; nil if there is none.
func (s *rows[R]) get(k key) *R { return s.now[k] }

// edit returns a row to change; nil if there is none.
func (s *rows[R]) edit(k key) *R {
	r := s.now[k]
	if r != nil {
		s.changed[k] = true
	}
	return r
}

func (s *rows[R]) put(k key, r *R) { s.now[k], s.changed[k] = r, true }

func (s *rows[R]) drop(k key) {
	delete(s.now, k)
	s.changed[k] = true
}

// load queues the query for the wanted rows.
func (s *rows[R]) load(batch *pgx.Batch) {
	if len(s.wanted) > 0 {
		s.loadWhere(batch, s.wanted, "t.id = k.id")
	}
}

// loadWhere queues a query for the rows of workspaces that a condition finds by ids k.
func (s *rows[R]) loadWhere(batch *pgx.Batch, keys map[key]bool, condition string) {
	workspaces, ids := columnsOf(keys)
	sql := "SELECT t." + strings.Join(s.columns, ", t.") + " FROM " + s.table +
		" t JOIN unnest($1::uuid[], $2::text[]) AS k(workspace, id) ON t.workspace = k.workspace AND " + condition
	batch.Queue(sql, workspaces, ids).Query(s.collect)
}

func (s *rows[R]) collect(found pgx.Rows) error {
	for found.Next() {
		var k key
		r := new(R)
		if err := found.Scan(append([]any{&k.workspace, &k.id}, s.fields(r)...)...); err != nil {
			return err
		}
		if !s.stored[k] {
			s.stored[k], s.now[k] = true, r
		}
	}
	return found.Err()
}

// clear queues the deletion of stored rows that changed.
func (s *rows[R]) clear(batch *pgx.Batch) {
	gone := map[key]bool{}
	for k := range s.changed {
		if s.stored[k] {
			gone[k] = true
		}
	}
	if len(gone) == 0 {
		return
	}
	workspaces, ids := columnsOf(gone)
	batch.Queue("DELETE FROM "+s.table+" t USING unnest($1::uuid[], $2::text[]) AS k(workspace, id) "+
		"WHERE t.workspace = k.workspace AND t.id = k.id", workspaces, ids)
}

// write copies the changed rows that are there into the table, after clear.
func (s *rows[R]) write(ctx context.Context, tx pgx.Tx) error {
	keys := make([]key, 0, len(s.changed))
	for k := range s.changed {
		if s.now[k] != nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{s.table}, s.columns, pgx.CopyFromSlice(len(keys), func(i int) ([]any, error) {
		return append([]any{pgUUID(keys[i].workspace), keys[i].id}, s.fields(s.now[keys[i]])...), nil
	}))
	return err
}

func columnsOf(keys map[key]bool) (workspaces pgtype.FlatArray[pgtype.UUID], ids []string) {
	for k := range keys {
		workspaces, ids = append(workspaces, pgUUID(k.workspace)), append(ids, k.id)
	}
	return workspaces, ids
}

// pgUUID spares pgx the way through database/sql's interfaces, which costs more than all the rest of a row.
func pgUUID(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }
