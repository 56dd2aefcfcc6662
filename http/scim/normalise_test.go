package scim

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextsForBooleans(t *testing.T) {
	for in, want := range map[string]string{
		`{"active":"True","emails":[{"primary":"False","value":"True"}]}`:   `{"active":true,"emails":[{"primary":false,"value":"True"}]}`,
		`{"Operations":[{"op":"Replace","path":"active","value":"False"}]}`: `{"Operations":[{"op":"Replace","path":"active","value":false}]}`,
		`{"Operations":[{"op":"Replace","path":"title","value":"True"}]}`:   `{"Operations":[{"op":"Replace","path":"title","value":"True"}]}`,
		`{"Operations":[{"op":"Add","value":{"Active":"true"}}]}`:           `{"Operations":[{"op":"Add","value":{"Active":true}}]}`,
		`{"active":"yes","n":12345678901234567890}`:                         `{"active":"yes","n":12345678901234567890}`,
	} {
		got, err := normalise([]byte(in))
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
	}
	_, err := normalise([]byte(`[]`))
	require.ErrorIs(t, err, errMalformed)
}

func TestPatchesAreBounded(t *testing.T) {
	operation := `{"op":"remove","path":"title"}`
	for body, want := range map[string]error{
		`{"Operations":[` + operation + strings.Repeat(","+operation, maxOperations-1) + `]}`: nil,
		`{"Operations":[` + operation + strings.Repeat(","+operation, maxOperations) + `]}`:   errTooMuch,
		`{"operations":[{"op":"remove","Path":"` + strings.Repeat("a.", 501) + `"}]}`:         errTooMuch,
	} {
		_, err := normalise([]byte(body))
		require.ErrorIs(t, err, want)
	}
}

func TestIDsOfWhatIsProvisioned(t *testing.T) {
	require.Equal(t, "scim:00u1", newID("00u1"))
	for _, odd := range []string{"", "~x", "a b", "a\u202eb", string(make([]byte, 200))} {
		id := newID(odd)
		require.Regexp(t, `^scim:~[0-9a-f-]{36}$`, id)
		require.NotEqual(t, id, newID(odd))
	}
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{`{"active":"True"}`, `{"Operations":[{"path":"active","value":"False"}]}`, `{`, `[]`, ``, `{"a":{"b":[{"primary":"true"}]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		once, err := normalise(body)
		if err != nil || len(once) == 0 {
			return
		}
		again, err := normalise(once)
		require.NoError(t, err)
		if json.Valid(once) {
			require.JSONEq(t, string(once), string(again))
		}
	})
}
