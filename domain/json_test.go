package domain_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kdesk/client-secrets/domain"
)

func TestDecisionsAreWrittenAsEncodingJSONDoes(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,20}`), rapid.Just(""), rapid.Just("\xff\u2028\x7f"))
	rapid.Check(t, func(t *rapid.T) {
		d := domain.Decision{Allowed: rapid.Bool().Draw(t, "allowed"), PolicyVersion: rapid.Int().Draw(t, "version"), Code: text.Draw(t, "code"),
			Via: text.Draw(t, "via"), Rule: text.Draw(t, "rule"), Kind: text.Draw(t, "kind"), Target: text.Draw(t, "target"),
			Ticket: text.Draw(t, "ticket"), Contact: text.Draw(t, "contact")}
		for range rapid.IntRange(0, 3).Draw(t, "evidence") {
			d.Evidence = append(d.Evidence, domain.Evidence{Stream: text.Draw(t, "stream"), Revision: rapid.Uint64().Draw(t, "revision")})
		}
		if d.Evidence == nil && rapid.Bool().Draw(t, "none") {
			d.Evidence = []domain.Evidence{}
		}
		want, err := json.Marshal(d)
		require.NoError(t, err)
		require.Equal(t, string(want), string(d.AppendJSON(nil)))
	})
}
