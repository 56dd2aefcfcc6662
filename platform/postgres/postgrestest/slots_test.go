//go:build unix

package postgrestest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestAClusterThatDoesNotStartIsMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "0")
	first, err := startIn(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, execute(first.URL(), "CREATE DATABASE test_left_over"))
	require.NoError(t, first.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("99\n"), 0o600))

	second, err := startIn(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestWhatKilledTestsLeftIsDropped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "0")
	first, err := startIn(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, execute(first.URL(), "CREATE DATABASE test_left_over"))
	require.NoError(t, first.Close())

	second, err := startIn(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, execute(second.URL(), "CREATE DATABASE test_left_over"), "the name is free again")
	require.NoError(t, second.Close())
}

func TestADatabaseIsDroppedWhileTheServerVacuumsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "0")
	server, err := startIn(t.Context(), dir)
	require.NoError(t, err)
	require.NoError(t, server.Close())
	settings, err := os.OpenFile(filepath.Join(dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = settings.WriteString("autovacuum_naptime = 1s\n")
	require.NoError(t, err)
	require.NoError(t, settings.Close())
	server, err = startIn(t.Context(), dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()

	require.NoError(t, execute(server.URL(), "CREATE DATABASE test_vacuumed"))
	config, err := pgx.ParseConfig(server.URL())
	require.NoError(t, err)
	config.Database = "test_vacuumed"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	for _, sql := range []string{
		`CREATE TABLE slow (n int) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
			autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)`,
		"INSERT INTO slow SELECT generate_series(1, 100000)",
		"DELETE FROM slow",
	} {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		var vacuums bool
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE datname = current_database())").Scan(&vacuums))
		return vacuums
	}, limit, 10*time.Millisecond)
	require.NoError(t, execute(server.URL(), drop("test_vacuumed")...))
}
