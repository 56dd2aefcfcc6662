package commands_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
)

func TestAnIdentityIsOfAnIssuersAddress(t *testing.T) {
	h := commands.Hasher{Key: make([]byte, 32)}
	for _, good := range []string{"https://login.example/tenant/v2.0", " https://login.example ", "http://127.0.0.1:9000"} {
		issuer, hash, err := h.Identity(good, "sam")
		require.NoError(t, err, good)
		assert.Equal(t, h.Subject(issuer, "sam"), hash)
	}
	for bad, code := range map[string]string{"": "text_required", "not a url": "invalid_issuer", "login.example": "invalid_issuer",
		"ftp://login.example": "invalid_issuer", "https://": "invalid_issuer", "https://[": "invalid_issuer"} {
		_, _, err := h.Identity(bad, "sam")
		refused(t, err, domain.Invalid, code)
	}
}
