package vault

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestTheKeyFileIsMadeOnceAndOnlyWhenAsked(t *testing.T) {
	f := newFixture(t)
	path := strings.TrimPrefix(f.url, fileScheme)
	_, err := Open(ctx, Config{Pool: f.pool, KMSURL: f.url})
	require.ErrorIs(t, err, ErrRootKey)
	require.ErrorContains(t, err, path)
	require.NoFileExists(t, path)

	f.open(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	f.open(t)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file stays")
}

func TestAMissingOrWrongRootKeyIsRefusedAtOpen(t *testing.T) {
	f := newFixture(t)
	subject, item := aSubject(), anItem(needle)
	sealed := put(t, f, f.open(t), subject, item)
	path := strings.TrimPrefix(f.url, fileScheme)
	right, err := os.ReadFile(path)
	require.NoError(t, err)

	require.NoError(t, os.Remove(path))
	_, err = Open(ctx, Config{Pool: f.pool, KMSURL: f.url, CreateKey: true})
	require.ErrorIs(t, err, ErrRootKey)
	require.ErrorContains(t, err, "there is no key file")
	require.NoFileExists(t, path, "a new key would hide that the old one is lost")

	require.NoError(t, createRootFile(path))
	_, err = Open(ctx, Config{Pool: f.pool, KMSURL: f.url, CreateKey: true})
	require.ErrorIs(t, err, ErrRootKey)
	require.ErrorContains(t, err, "does not open what this vault was made with")

	require.NoError(t, os.WriteFile(path, right[:20], 0o600))
	_, err = Open(ctx, Config{Pool: f.pool, KMSURL: f.url})
	require.ErrorContains(t, err, "does not hold 32 bytes")
	require.NotContains(t, err.Error(), string(right[:20]))

	require.NoError(t, os.WriteFile(path, right, 0o600))
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = Open(ctx, Config{Pool: f.pool, KMSURL: f.url})
	require.ErrorContains(t, err, "chmod 600")

	require.NoError(t, os.Chmod(path, 0o600))
	got, err := reveal(f.open(t), f.ref(subject, item), sealed)
	require.NoError(t, err)
	require.Equal(t, needle, string(got))
}

func TestALostCheckValueIsNotReplaced(t *testing.T) {
	f := newFixture(t)
	put(t, f, f.open(t), aSubject(), anItem(needle))
	_, err := f.pool.Exec(ctx, `DELETE FROM vault.meta`)
	require.NoError(t, err)
	_, err = Open(ctx, Config{Pool: f.pool, KMSURL: f.url, CreateKey: true})
	require.ErrorIs(t, err, ErrRootKey)
	require.ErrorContains(t, err, "restore vault.meta")
}

func TestFirstOpensAtOnceAgree(t *testing.T) {
	f := newFixture(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			v, err := Open(ctx, Config{Pool: f.pool, KMSURL: f.url, CreateKey: true})
			if err == nil {
				err = v.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestSettingsThatAreRefused(t *testing.T) {
	pool := postgrestest.Pool(t)
	for url, text := range map[string]string{
		"":                 "missing",
		"root.key":         "no URL",
		"file://":          "names no file",
		"base64key://c2Vj": "process lists",
		"abacus://host/x":  "-tags cloud",
	} {
		_, err := Open(ctx, Config{Pool: pool, KMSURL: url})
		require.ErrorIs(t, err, ErrRootKey, url)
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "c2Vj")
	}
	_, err := Open(ctx, Config{})
	require.ErrorContains(t, err, "Pool")
}

func TestAPinnedValueStays(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	require.NoError(t, v.Pin(ctx, "log", []byte("a")))
	require.NoError(t, f.open(t).Pin(ctx, "log", []byte("a")))
	require.ErrorIs(t, v.Pin(ctx, "log", []byte("b")), ErrConflict)
	require.NoError(t, v.Pin(ctx, "other", []byte("b")))
}
