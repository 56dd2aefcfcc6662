package catalog

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
)

func plainText(min int) *rapid.Generator[string] {
	return rapid.StringMatching("[ !#-%'-;=?-[\\]-~]{" + string(rune('0'+min)) + ",20}")
}

func ids() *rapid.Generator[uuid.UUID] {
	return rapid.Custom(func(t *rapid.T) (id uuid.UUID) {
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		return id
	})
}

func drawRevealed(t *rapid.T) reveal.FieldRevealed {
	text := func(name string) string { return plainText(0).Draw(t, name) }
	v := reveal.FieldRevealed{
		Secret: ids().Draw(t, "secret"), Field: text("field"), ValueVersion: rapid.IntRange(0, 1<<40).Draw(t, "version"), Member: text("member"),
		Ticket: text("ticket"), Flags: rapid.SliceOfN(plainText(0), 0, 3).Draw(t, "flags"), Confirmed: rapid.Bool().Draw(t, "confirmed"),
		Decision: domain.Decision{Allowed: rapid.Bool().Draw(t, "allowed"), PolicyVersion: 1, Code: text("code"), Via: text("via"),
			Rule: text("rule"), Kind: text("kind"), Target: text("target"), Ticket: text("of"), Contact: text("contact"), Evidence: []domain.Evidence{}},
	}
	if rapid.Bool().Draw(t, "retried") {
		v.RetryOf = ids().Draw(t, "retry of")
	}
	for _, stream := range rapid.SliceOfNDistinct(plainText(0), 0, 3, rapid.ID).Draw(t, "streams") {
		for range rapid.IntRange(1, 3).Draw(t, "facts") {
			v.Decision.Evidence = append(v.Decision.Evidence, domain.Evidence{Stream: stream, Revision: rapid.Uint64Range(0, 1<<50).Draw(t, "revision")})
		}
	}
	if rapid.Bool().Draw(t, "reasoned") {
		v.Reason.Seal(rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "reason"))
	}
	return v
}

func TestWhatIsWrittenIsReadQuickly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawRevealed(t)
		data, err := json.Marshal(v)
		require.NoError(t, err)
		written, ok := appendRevealed(nil, &v)
		require.True(t, ok)
		require.Equal(t, string(data), string(written))
		var quick, slow reveal.FieldRevealed
		require.True(t, scan(data, func(s *scanner) { readRevealed(s, &quick) }), string(data))
		require.NoError(t, json.Unmarshal(data, &slow))
		require.Equal(t, slow, quick)

		var before reveal.FieldRevealed // with evidence as a list
		list := domain.Explanation(v.Decision)
		data = bytes.Replace(data, v.Decision.AppendJSON(nil), list.AppendJSON(nil), 1)
		require.True(t, scan(data, func(s *scanner) { readRevealed(s, &before) }), string(data))
		require.Equal(t, slow, before)
	})
	rapid.Check(t, func(t *rapid.T) {
		m := domain.Meta{Workspace: ids().Draw(t, "workspace"), Correlation: ids().Draw(t, "correlation"), Causation: ids().Draw(t, "causation"),
			Command: ids().Draw(t, "command"), Actor: domain.Actor{Kind: domain.Member, ID: plainText(0).Draw(t, "id"), Session: plainText(0).Draw(t, "session")}}
		data, err := json.Marshal(m)
		require.NoError(t, err)
		require.Equal(t, string(data), string(MarshalMeta(m)))
		var quick domain.Meta
		require.True(t, scan(data, func(s *scanner) { readMeta(s, &quick) }), string(data))
		require.Equal(t, m, quick)
	})
}

// Whatever is read quickly means the same to encoding/json, and what is not is read by it.
func FuzzQuick(f *testing.F) {
	for _, name := range []string{"reveal.field_revealed.v1", "reveal.field_revealed.v1.now", "reveal.denied.v1"} {
		golden, err := os.ReadFile("testdata/" + name + ".json")
		require.NoError(f, err)
		var compact bytes.Buffer
		require.NoError(f, json.Compact(&compact, golden))
		f.Add(golden)
		f.Add(compact.Bytes())
		f.Add(bytes.Replace(compact.Bytes(), []byte("api_key"), []byte(`é\u003c`), 1))
	}
	f.Add([]byte(`{"workspace":"0190a000-0000-7000-8000-000000000002","actor":{"kind":"system"},"correlation":"0190a000-0000-7000-8000-000000000002","command":"0190a000-0000-7000-8000-000000000002"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var quick, slow reveal.FieldRevealed
		if scan(data, func(s *scanner) { readRevealed(s, &quick) }) {
			require.NoError(t, json.Unmarshal(data, &slow))
			require.Equal(t, slow, quick)
		}
		var meta domain.Meta
		if scan(data, func(s *scanner) { readMeta(s, &meta) }) {
			var same domain.Meta
			require.NoError(t, json.Unmarshal(data, &same))
			require.Equal(t, same, meta)
		}
	})
}

func BenchmarkUnmarshalRevealed(b *testing.B) {
	golden, err := os.ReadFile("testdata/reveal.field_revealed.v1.now.json")
	require.NoError(b, err)
	var compact bytes.Buffer
	require.NoError(b, json.Compact(&compact, golden))
	typ, _ := Lookup("reveal.field_revealed.v1")
	for b.Loop() {
		if _, err := typ.Unmarshal(compact.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
