package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kdesk/client-secrets/domain"
)

func TestCheckForeignID(t *testing.T) {
	for _, id := range []string{"zendesk:1", "desk:a/b:c", "desk:" + strings.Repeat("é", 123), "desk:नमस्ते"} {
		assert.NoError(t, domain.CheckForeignID(id), "%q", id)
	}
	for name, id := range map[string]string{
		"no source": "1", "empty source": ":1", "nothing after it": "desk:", "a space": "desk:a b", "a control": "desk:a\n",
		"not UTF-8": "desk:\xff", "too long": "desk:" + strings.Repeat("é", 124), "a filler": "desk:1\u3164",
		"a variation selector": "desk:1\ufe0e", "a zero-width space": "desk:1\u200b", "a direction": "desk:\u202e1",
		"an empty Braille pattern": "desk:1\u2800",
	} {
		assert.Error(t, domain.CheckForeignID(id), name)
	}
}
