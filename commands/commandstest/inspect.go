package commandstest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
)

// Events returns what the log holds of a stream, oldest first.
func (w *World) Events(t testing.TB, stream string) []domain.Recorded {
	var records []eventstore.Record
	for r, err := range w.Log.ReadStream(context.Background(), stream, 0) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			return nil
		}
		require.NoError(t, err)
		records = append(records, r)
	}
	events, err := w.Codec.Decode(context.Background(), records)
	require.NoError(t, err)
	return events
}

// Stored returns the whole log as it is stored.
func (w *World) Stored(t testing.TB) (all []eventstore.Record) {
	for r, err := range w.Log.ReadAll(context.Background(), eventstore.Start, 0, eventstore.Filter{}) {
		require.NoError(t, err)
		all = append(all, r)
	}
	return all
}

// VaultRows returns every row of every table of the vault, as JSON, by table.
func (w *World) VaultRows(t testing.TB) map[string][]string {
	tables := w.strings(t, `SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'vault'`)
	all := make(map[string][]string, len(tables))
	for _, table := range tables {
		all[table] = w.strings(t, fmt.Sprintf(`SELECT row_to_json(r)::text FROM vault.%q AS r`, table))
	}
	return all
}

// Blobs returns the ciphertexts of all files, by path.
func (w *World) Blobs(t testing.TB) map[string][]byte {
	found := map[string][]byte{}
	dir := strings.TrimPrefix(w.vault.BlobURL, "file://")
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found[path], err = os.ReadFile(path)
		}
		return err
	}))
	return found
}

// Age makes all files of the vault days older. What the vault knows of the log is forgotten unless settled is set.
func (w *World) Age(t testing.TB, days int, settled bool) {
	_, err := w.vault.Pool.Exec(context.Background(), `UPDATE vault.files SET position = CASE WHEN $2 THEN position END,
		created_at = created_at - make_interval(days => $1), attached_at = attached_at - make_interval(days => $1)`, days, settled)
	require.NoError(t, err)
}

// DamageFiles alters a bit at the end of every file's ciphertext.
func (w *World) DamageFiles(t testing.TB) {
	for path, content := range w.Blobs(t) {
		content[len(content)-1] ^= 1
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
}

func (w *World) strings(t testing.TB, query string) (list []string) {
	rows, err := w.vault.Pool.Query(context.Background(), query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		list = append(list, s)
	}
	require.NoError(t, rows.Err())
	return list
}
