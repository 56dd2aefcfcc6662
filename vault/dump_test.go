package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

// dumped is a dump in memory.
type dumped struct {
	Copied
	files map[string]*bytes.Buffer
}

type buffer struct{ *bytes.Buffer }

func (buffer) Close() error { return nil }

func dumpOf(t *testing.T, f fixture) dumped {
	d := dumped{files: map[string]*bytes.Buffer{}}
	var err error
	d.Copied, err = Dump(ctx, f.pool, func(table string) (io.WriteCloser, error) {
		d.files[table] = &bytes.Buffer{}
		return buffer{d.files[table]}, nil
	})
	require.NoError(t, err)
	return d
}

func (d dumped) open(table string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(d.files[table].Bytes())), nil
}

func (f fixture) rootKey(t *testing.T) (text string, raw []byte) {
	encoded, err := os.ReadFile(strings.TrimPrefix(f.url, fileScheme))
	require.NoError(t, err)
	text = strings.TrimSpace(string(encoded))
	raw, err = base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return text, raw
}

func TestADumpBringsTheVaultBack(t *testing.T) {
	f := newFixture(t)
	v, subject, gone := f.open(t), aSubject(), aSubject()
	item := anItem(needle)
	sealed := put(t, f, v, subject, item)
	put(t, f, v, gone, anItem("gone"))
	require.NoError(t, v.Destroy(ctx, f.ws, gone))
	key, err := v.ServerKey(ctx, "hashes")
	require.NoError(t, err)
	d := dumpOf(t, f)
	require.EqualValues(t, 1+1+1+2+1, d.Rows(), "check, server key, epoch, two subjects, a value")

	fresh := fixture{postgrestest.Pool(t), f.url, f.ws, f.blobs}
	require.NoError(t, Load(ctx, LoadConfig{Pool: fresh.pool, KMSURL: f.url}, d.Copied, d.open))
	restored := fresh.open(t)
	plain, err := reveal(restored, f.ref(subject, item), sealed)
	require.NoError(t, err)
	require.Equal(t, needle, string(plain))
	again, err := restored.ServerKey(ctx, "hashes")
	require.NoError(t, err)
	require.Equal(t, key, again)
	_, err = restored.Put(ctx, f.ws, gone, []Item{anItem("again")})
	require.ErrorIs(t, err, ErrErased)
	require.Equal(t, d.files, dumpOf(t, fresh).files)

	err = Load(ctx, LoadConfig{Pool: fresh.pool, KMSURL: f.url}, d.Copied, d.open)
	require.ErrorContains(t, err, "not empty")
}

func TestADumpHoldsNeitherRootKeyNorPlaintext(t *testing.T) {
	f := newFixture(t)
	put(t, f, f.open(t), aSubject(), anItem(needle))
	text, raw := f.rootKey(t)
	for table, file := range dumpOf(t, f).files {
		for _, secret := range []string{text, string(raw), hex.EncodeToString(raw), needle} {
			require.NotContains(t, strings.ToLower(file.String()), strings.ToLower(secret), table)
		}
	}
}

func TestLoadRefusesAndLeavesNothing(t *testing.T) {
	f := newFixture(t)
	put(t, f, f.open(t), aSubject(), anItem(needle))
	d := dumpOf(t, f)
	other := fileScheme + filepath.Join(t.TempDir(), "other.key")
	require.NoError(t, CreateKeyFile(strings.TrimPrefix(other, fileScheme)))
	missing := fileScheme + filepath.Join(t.TempDir(), "none.key")
	fewer := d.Copied
	fewer.Tables = append([]CopiedTable(nil), d.Tables...)
	fewer.Tables[0].Rows++
	newer := d.Copied
	newer.Schema++
	broken := errors.New("broken")
	fresh := postgrestest.Pool(t)
	for name, try := range map[string]struct {
		kms  string
		what Copied
		open func(string) (io.ReadCloser, error)
		text string
	}{
		"another root key": {other, d.Copied, d.open, "the root key cannot be used"},
		"no root key":      {missing, d.Copied, d.open, "the root key cannot be used"},
		"a lost row":       {f.url, fewer, d.open, "rows where"},
		"a newer release":  {f.url, newer, d.open, "the release that dumped it"},
		"a broken file":    {f.url, d.Copied, func(string) (io.ReadCloser, error) { return nil, broken }, "broken"},
	} {
		err := Load(ctx, LoadConfig{Pool: fresh, KMSURL: try.kms}, try.what, try.open)
		require.ErrorContains(t, err, try.text, name)
	}
	require.NoFileExists(t, strings.TrimPrefix(missing, fileScheme))
	require.NoError(t, Load(ctx, LoadConfig{Pool: fresh, KMSURL: f.url}, d.Copied, d.open), "still empty")
}
