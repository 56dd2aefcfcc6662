package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// rows are all rows of all tables of a read model, and the definitions of its indexes. Nothing is left out.
type rows map[string][]string

// dump reads a read model's schema as of one moment.
func dump(ctx context.Context, p *product, schema string) (rows, error) {
	found := rows{}
	err := pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		tables, err := texts(ctx, tx, `SELECT relname::text FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'`, schema)
		if err != nil {
			return err
		}
		for _, table := range tables {
			name := pgx.Identifier{schema, table}.Sanitize()
			if found[table], err = texts(ctx, tx, "SELECT t::text FROM "+name+" t ORDER BY 1"); err != nil {
				return err
			}
		}
		found["indexes"], err = texts(ctx, tx, "SELECT indexdef FROM pg_indexes WHERE schemaname = $1 ORDER BY 1", schema)
		return err
	})
	return found, err
}

func texts(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]string, error) {
	found, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, pgx.RowTo[string])
}

func (r rows) count() (n int) {
	for _, table := range r {
		n += len(table)
	}
	return n
}

// requireRebuilt compares every read model as the servers keep it with one that is built from nothing, beside them.
// Nothing may be written meanwhile. It returns how many rows it compared.
func (w *world) requireRebuilt(t testing.TB) (compared int) {
	t.Helper()
	w.with(t, func(ctx context.Context, p *product) error {
		if err := awaitHead(ctx, p); err != nil {
			return err
		}
		for _, m := range projectors() {
			kept, err := dump(ctx, p, m.Name())
			if err != nil {
				return err
			}
			if err := p.runner.Rebuild(ctx, m.Name(), nil); err != nil {
				return err
			}
			built, err := dump(ctx, p, m.Name())
			if err != nil {
				return err
			}
			requireSame(t, m.Name(), built, kept)
			compared += built.count()
		}
		return nil
	})
	return compared
}

func requireSame(t testing.TB, name string, built, kept rows) {
	t.Helper()
	tables := map[string]bool{}
	for table := range built {
		tables[table] = true
	}
	for table := range kept {
		tables[table] = true
	}
	for table := range tables {
		for _, row := range kept[table] {
			if !slices.Contains(built[table], row) {
				t.Errorf("%s.%s has a row that a rebuild does not make: %s", name, table, row)
			}
		}
		require.Equal(t, built[table], kept[table], "%s.%s differs from its rebuild", name, table)
	}
}

// awaitHead waits until what the servers keep has reached the end of the log.
func awaitHead(ctx context.Context, p *product) error {
	for {
		all, err := p.runner.Status(ctx)
		if err != nil {
			return err
		}
		behind := ""
		for _, s := range all {
			if s.Position != s.Head || s.Error != "" {
				behind = fmt.Sprintf("%s is at %d of %d %s", s.Name, s.Position, s.Head, s.Error)
			}
		}
		if behind == "" {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return errors.New(behind)
		}
	}
}
