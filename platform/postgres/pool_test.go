package postgres_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/kdesk/client-secrets/platform/postgres"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func show(t *testing.T, pool *pgxpool.Pool, name string) (value string) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value))
	return value
}

func TestAPoolIsBounded(t *testing.T) {
	pool, err := postgres.Open(t.Context(), postgrestest.URL(t))
	require.NoError(t, err)
	defer pool.Close()
	require.EqualValues(t, 16, pool.Config().MaxConns)
	require.Equal(t, "15s", show(t, pool, "statement_timeout"))
	require.Equal(t, "client-secrets", show(t, pool, "application_name"))
}

func TestTheConnectionStringOverridesTheBounds(t *testing.T) {
	pool, err := postgres.Open(t.Context(), postgrestest.URL(t)+"&pool_max_conns=3&statement_timeout=2s&application_name=report")
	require.NoError(t, err)
	defer pool.Close()
	require.EqualValues(t, 3, pool.Config().MaxConns)
	require.Equal(t, "2s", show(t, pool, "statement_timeout"))
	require.Equal(t, "report", show(t, pool, "application_name"))
}

func TestNoErrorTellsThePassword(t *testing.T) {
	for _, url := range []string{
		"postgres://someone:hunter2@127.0.0.1:1/nothing", // nobody listens
		"postgres://someone:hunter2@127.0.0.1:many/nothing",
		"someone hunter2",
		"postgres://someone:hunter2/%zz",
	} {
		pool, err := postgres.Open(t.Context(), url)
		require.Error(t, err)
		require.Nil(t, pool)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func migrations(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, sql := range files {
		fsys["migrations/"+name] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + sql)}
	}
	return fsys
}

func TestMigrationsAreAppliedOnceAndOnlyTheNewOnes(t *testing.T) {
	pool := postgrestest.Pool(t)
	files := map[string]string{"001_keys.sql": "CREATE TABLE vault.keys (id int);"}
	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations(files), "vault"))
	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations(files), "vault"), "again")

	files["002_more.sql"] = "ALTER TABLE vault.keys ADD COLUMN more int;"
	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations(files), "vault"))
	_, err := pool.Exec(t.Context(), "SELECT id, more FROM vault.keys")
	require.NoError(t, err)

	other := map[string]string{"001_jobs.sql": "CREATE TABLE ops.jobs (id int);"}
	require.NoError(t, postgres.Migrate(t.Context(), pool, migrations(other), "ops"), "versions are kept per schema")
}

func TestInstancesThatMigrateTogetherApplyEachOnce(t *testing.T) {
	url := postgrestest.URL(t)
	fsys := migrations(map[string]string{"001_keys.sql": "CREATE TABLE vault.keys (id int); SELECT pg_sleep(0.2);"})
	var group errgroup.Group
	for range 3 {
		group.Go(func() error {
			pool, err := postgres.Open(context.Background(), url)
			if err != nil {
				return err
			}
			defer pool.Close()
			return postgres.Migrate(context.Background(), pool, fsys, "vault")
		})
	}
	require.NoError(t, group.Wait())
}

func TestAFailedMigrationLeavesNothingOfItself(t *testing.T) {
	pool := postgrestest.Pool(t)
	fsys := migrations(map[string]string{
		"001_good.sql": "CREATE TABLE vault.good (id int);",
		"002_bad.sql":  "CREATE TABLE vault.bad (id int); SELECT 1/0;",
	})
	require.ErrorContains(t, postgres.Migrate(t.Context(), pool, fsys, "vault"), "migrating schema vault")
	var tables []string
	err := pool.QueryRow(t.Context(), `SELECT array_agg(tablename::text) FROM pg_tables
		WHERE schemaname = 'vault' AND tablename <> 'schema_version'`).Scan(&tables)
	require.NoError(t, err)
	require.Equal(t, []string{"good"}, tables)
}

func TestAMigrationMayTakeLongerThanAQuery(t *testing.T) {
	pool, err := postgres.Open(t.Context(), postgrestest.URL(t)+"&statement_timeout=500ms")
	require.NoError(t, err)
	defer pool.Close()
	fsys := migrations(map[string]string{"001_slow.sql": "SELECT pg_sleep(0.8);"})
	require.NoError(t, postgres.Migrate(t.Context(), pool, fsys, "vault"))
}

func TestANameThatIsNoSchemaIsRefused(t *testing.T) {
	require.Error(t, postgres.Migrate(t.Context(), postgrestest.Pool(t), migrations(nil), `v"; DROP`))
}
