package postgrestest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestEachTestHasAnEmptyDatabaseOfItsOwn(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := postgrestest.Pool(t)
			_, err := pool.Exec(t.Context(), "CREATE TABLE here (n int)")
			require.NoError(t, err)
		})
	}
}

func TestADatabaseIsDroppedWithItsConnections(t *testing.T) {
	var name string
	t.Run("uses one", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), postgrestest.URL(t)) // and never closes it
		require.NoError(t, err)
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_database()").Scan(&name))
	})
	var left int
	err := postgrestest.Pool(t).QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname = $1", name).Scan(&left)
	require.NoError(t, err)
	require.Zero(t, left)
}
