//go:build unix

package postgrestest

import (
	"os"
	"path/filepath"
	"testing"

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
