package vault

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASecretShowsNothing(t *testing.T) {
	type holder struct {
		Value Secret
		Deep  []Secret
	}
	h := holder{Secret(needle), []Secret{Secret(needle)}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%T %v", "% x", "%10.3s", "%b", "%o", "%c"} {
		args := []any{h.Value}
		if verb == "%T %v" {
			args = []any{h.Value, h.Value}
		}
		fmt.Fprintf(&out, verb+"\n", args...)
		fmt.Fprintf(&out, verb+"\n", append(args[1:], &h.Value)...)
		fmt.Fprintf(&out, verb+"\n", append(args[1:], h)...)
	}
	fmt.Fprintln(&out, h.Value, h, &h, fmt.Errorf("wrapped: %w", errors.New(fmt.Sprint(h.Value))))
	require.NoError(t, json.NewEncoder(&out).Encode(h))
	require.NoError(t, json.NewEncoder(&out).Encode(map[string]any{"a": &h.Value}))
	require.NoError(t, xml.NewEncoder(&out).Encode(h))
	require.NoError(t, gob.NewEncoder(&out).Encode(h))
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "value", h.Value, "pointer", &h.Value, "holder", h, slog.Any("list", h.Deep))
	}
	require.Contains(t, out.String(), redacted)
	for _, leak := range []string{needle, "horse", fmt.Sprintf("%x", needle), fmt.Sprintf("%X", needle), "99 111 114",
		fmt.Sprintf("% x", needle), "Y29ycmVjdCBob3Jz", fmt.Sprint([]byte(needle[:4]))[1:8]} {
		require.NotContains(t, out.String(), leak)
	}
}

func TestClearWipes(t *testing.T) {
	s := Secret(needle)
	s.Clear()
	require.Equal(t, make([]byte, len(needle)), []byte(s))
}

func TestASecretIsNoSQLArgument(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	for _, sql := range []string{
		`INSERT INTO vault.meta (name, value) VALUES ('oops', $1)`,
		`INSERT INTO vault.meta (name, value) VALUES ($1::text, '')`,
	} {
		_, err := f.pool.Exec(ctx, sql, Secret(needle))
		require.ErrorContains(t, err, "not stored")
		require.NotContains(t, err.Error(), "horse")
	}
	require.NoError(t, v.Ready(ctx))
}
