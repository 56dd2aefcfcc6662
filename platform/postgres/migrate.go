package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// schemaLock keeps two instances from creating a schema at the same moment, on which PostgreSQL fails one of them.
const schemaLock = 7_221_190_413

var schemaName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Migrate creates the schema if missing and applies those of fsys's migrations/*.sql (goose's format, as
// `//go:embed migrations/*.sql` holds them) that the database has not seen; their versions are kept in the schema's
// table schema_version. Statements name their schema; the search path is not changed. Instances that start together
// apply each migration once: the others wait, at most five minutes. A failed migration is rolled back and leaves those
// before it applied. A database with versions that fsys lacks, so of a newer release, is left as it is.
func Migrate(ctx context.Context, pool *pgxpool.Pool, fsys fs.FS, schema string) error {
	if err := migrate(ctx, pool, fsys, schema); err != nil {
		return fmt.Errorf("migrating schema %s: %w", schema, err)
	}
	return nil
}

func migrate(ctx context.Context, pool *pgxpool.Pool, fsys fs.FS, schema string) (err error) {
	if !schemaName.MatchString(schema) {
		return errors.New("not a plain lower-case name")
	}
	if err := createSchema(ctx, pool, schema); err != nil {
		return err
	}
	files, err := fs.Sub(fsys, "migrations")
	if err != nil {
		return err
	}
	// A migration may take longer than a query may, and no pooled connection must keep its settings.
	config := pool.Config().ConnConfig.Copy()
	config.RuntimeParams["statement_timeout"] = "0"
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64((5 * time.Minute).Seconds())))
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker),
		goose.WithTableName(schema+".schema_version"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func createSchema(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(schemaLock)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+pgx.Identifier{schema}.Sanitize())
		return err
	})
}
