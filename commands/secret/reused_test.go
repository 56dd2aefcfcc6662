package secret_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
)

// A first try that was refused after its value was stored leaves a ciphertext under the key's content id. The same key must
// not make it the value that the second try asked for.
func TestAKeyOfARefusedTryIsNotTakenWithAnotherValue(t *testing.T) {
	s := newScene(t)
	req := s.By(commandstest.Owner)
	req.Key = "key"
	stale := req
	stale.IfMatch = new(uint64(99))
	_, err := s.World.Secrets.SetValue(t.Context(), stale, s.Secret, "api_key", "first")
	refused(t, err, domain.Precondition, "stale_revision")
	_, err = s.World.Secrets.SetValue(t.Context(), req, s.Secret, "api_key", "second")
	refused(t, err, domain.Conflict, "idempotency_key_reused")
	_, err = s.World.Secrets.SetValue(t.Context(), req, s.Secret, "api_key", "first")
	require.NoError(t, err)

	draft := secrets.Draft{Template: s.Template, Name: "N", Fields: map[string]string{"api_key": "first"}}
	req.Key, stale.Key = "other", "other"
	_, err = s.World.Secrets.Create(t.Context(), stale, draft)
	refused(t, err, domain.Precondition, "stale_revision")
	draft.Fields["api_key"] = "second"
	_, err = s.World.Secrets.Create(t.Context(), req, draft)
	refused(t, err, domain.Conflict, "idempotency_key_reused")
}
