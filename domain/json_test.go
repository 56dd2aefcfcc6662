package domain_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kdesk/client-secrets/domain"
)

func drawDecision(t *rapid.T, text *rapid.Generator[string]) domain.Decision {
	d := domain.Decision{Allowed: rapid.Bool().Draw(t, "allowed"), PolicyVersion: rapid.Int().Draw(t, "version"), Code: text.Draw(t, "code"),
		Via: text.Draw(t, "via"), Rule: text.Draw(t, "rule"), Kind: text.Draw(t, "kind"), Target: text.Draw(t, "target"),
		Ticket: text.Draw(t, "ticket"), Contact: text.Draw(t, "contact")}
	for _, stream := range rapid.SliceOfNDistinct(text, 0, 3, rapid.ID).Draw(t, "streams") {
		for range rapid.IntRange(1, 3).Draw(t, "facts") {
			d.Evidence = append(d.Evidence, domain.Evidence{Stream: stream, Revision: rapid.Uint64().Draw(t, "revision")})
		}
	}
	if d.Evidence == nil && rapid.Bool().Draw(t, "none") {
		d.Evidence = []domain.Evidence{}
	}
	return d
}

func TestExplanationsAreWrittenAsEncodingJSONDoes(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,20}`), rapid.Just(""), rapid.Just("\xff\u2028\x7f"))
	rapid.Check(t, func(t *rapid.T) {
		e := domain.Explanation(drawDecision(t, text))
		want, err := json.Marshal(e)
		require.NoError(t, err)
		require.Equal(t, string(want), string(e.AppendJSON(nil)))
	})
}

// Logs have had decisions in the form of explanations.
func TestDecisionsAreReadInBothForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDecision(t, rapid.String())
		for _, form := range []any{d, domain.Explanation(d)} {
			data, err := json.Marshal(form)
			require.NoError(t, err)
			var got domain.Decision
			require.NoError(t, json.Unmarshal(data, &got))
			require.Equal(t, d, got)
		}
	})
	for _, wrong := range []string{`{"evidence":{"secret-1":7}}`, `{"evidence":{"secret-1":[-1]}}`, `{"evidence":7}`, `{"evidence":[{"stream":7}]}`} {
		require.Error(t, json.Unmarshal([]byte(wrong), new(domain.Decision)), wrong)
	}
}

func TestTheLogNamesAStreamOnce(t *testing.T) {
	d := domain.Decision{Allowed: true, PolicyVersion: 1, Evidence: []domain.Evidence{{"secret-1", 2}, {"ticket-1", 0}, {"secret-1", 4}}}
	data, err := json.Marshal(d)
	require.NoError(t, err)
	require.Equal(t, `{"allowed":true,"policy_version":1,"evidence":{"secret-1":[2,4],"ticket-1":[0]}}`, string(data))
}
