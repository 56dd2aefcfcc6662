package http

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/platform/postgres/operations"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func (w *world) issue(t *testing.T, body string) IssuedAPIKey {
	t.Helper()
	got := w.as(t, owner, "POST", w.api+"/api-keys", body)
	require.Equal(t, 201, got.StatusCode, string(got.body))
	require.NotEmpty(t, got.Header.Get("ETag"))
	var issued IssuedAPIKey
	got.into(t, &issued)
	return issued
}

func (w *world) withKey(t *testing.T, key, method, path, body string) answered {
	t.Helper()
	return w.as(t, "", method, path, body, "Authorization", "Bearer "+key)
}

func TestServiceAccounts(t *testing.T) {
	w := newWorld(t)
	pool := postgrestest.Pool(t)
	require.NoError(t, operations.Migrate(t.Context(), pool))
	use := operations.NewKeyUse(pool, nil)
	w.KeyUse = use
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = use.Run(ctx) }()

	for body, status := range map[string]int{
		`{"name":"","permissions":["secrets.view"]}`:                                         422,
		`{"name":"Sync","permissions":[]}`:                                                   422,
		`{"name":"Sync","permissions":["secrets.rule"]}`:                                     422,
		`{"name":"Sync","permissions":["secrets.view"],"expires_at":"2020-01-01T00:00:00Z"}`: 422,
		`{"name":"Sync","permissions":["secrets.view"],"expires_at":"never"}`:                422,
		`{"name":"Sync","permissions":["secrets.view"],"key":"csk_chosen"}`:                  422,
	} {
		require.Equal(t, status, w.as(t, owner, "POST", w.api+"/api-keys", body).StatusCode, body)
	}
	const body = `{"name":"Sync","permissions":["secrets.view","directory.manage"]}`
	require.Equal(t, "owners_only", w.as(t, agent, "POST", w.api+"/api-keys", body).code(t))
	require.Equal(t, 403, w.get(t, agent, w.api+"/api-keys").StatusCode)
	require.Equal(t, 404, w.as(t, "stranger", "POST", w.api+"/api-keys", body).StatusCode)
	issued := w.issue(t, body)
	require.True(t, commands.IsAPIKey(issued.Key))

	listed := func() (keys List[APIKey]) {
		got := w.get(t, owner, w.api+"/api-keys")
		require.Equal(t, 200, got.StatusCode, string(got.body))
		require.NotContains(t, string(got.body), issued.Key)
		require.NotContains(t, string(got.body), "hash")
		got.into(t, &keys)
		return keys
	}
	require.Equal(t, "Sync", listed().Items[0].Name)
	require.Nil(t, listed().Items[0].LastUsed)

	t.Run("a key does what its permissions allow", func(t *testing.T) {
		require.Equal(t, 200, w.withKey(t, issued.Key, "GET", w.api+"/secrets", "").StatusCode)
		put := w.withKey(t, issued.Key, "PUT", w.api+"/contacts/zd:c", `{"name":"Riley"}`)
		require.Equal(t, 200, put.StatusCode, string(put.body))
		require.Equal(t, 403, w.withKey(t, issued.Key, "POST", w.api+"/templates", `{"name":"T","fields":[{"key":"a","label":"A","type":"text"}]}`).StatusCode)
		require.Equal(t, 403, w.withKey(t, issued.Key, "GET", w.api+"/audit/reveals", "").StatusCode)
		require.Equal(t, 404, w.withKey(t, issued.Key, "GET", w.api+"/secrets/"+w.Secret.String(), "").StatusCode, "nothing lets it in")
		require.Equal(t, 200, w.as(t, owner, "PUT", w.api+"/secrets/"+w.Secret.String()+"/assignments/everyone/all", "").StatusCode)
		require.Equal(t, 200, w.withKey(t, issued.Key, "GET", w.api+"/secrets/"+w.Secret.String(), "").StatusCode)
	})
	t.Run("never as an owner, nor elsewhere", func(t *testing.T) {
		require.Equal(t, "owners_only", w.withKey(t, issued.Key, "POST", w.api+"/api-keys", body).code(t))
		require.Equal(t, "owners_only", w.withKey(t, issued.Key, "PUT", w.api+"/members/"+agent+"/owner", `{"owner":true}`).code(t))
		require.Equal(t, 404, w.withKey(t, issued.Key, "GET", workspacesPath+"/"+uuid.NewString()+"/secrets", "").StatusCode)
		require.Equal(t, 401, w.withKey(t, issued.Key, "GET", "/v1/me", "").StatusCode)
		require.Equal(t, 401, w.withKey(t, commands.NewAPIKey(), "GET", w.api+"/secrets", "").StatusCode)
		mistyped := []byte(issued.Key)
		mistyped[len(mistyped)-1] ^= 1
		require.Equal(t, 401, w.withKey(t, string(mistyped), "GET", w.api+"/secrets", "").StatusCode)
	})
	t.Run("its use is noted", func(t *testing.T) {
		require.Eventually(t, func() bool { return listed().Items[0].LastUsed != nil }, 10*time.Second, 5*time.Millisecond)
		require.WithinDuration(t, time.Now(), *listed().Items[0].LastUsed, 2*time.Minute)
	})
	t.Run("a key is shown once", func(t *testing.T) {
		first := w.as(t, owner, "POST", w.api+"/api-keys", body, "Idempotency-Key", "k")
		require.Equal(t, 201, first.StatusCode)
		again := w.as(t, owner, "POST", w.api+"/api-keys", body, "Idempotency-Key", "k")
		require.Equal(t, 409, again.StatusCode)
		require.Equal(t, "already_exists", again.code(t))
		require.Len(t, listed().Items, 2)
		_, err := pool.Exec(t.Context(), `DELETE FROM operations.idempotency`) // as if the server had crashed before it noted the answer
		require.NoError(t, err)
		require.Equal(t, "already_exists", w.as(t, owner, "POST", w.api+"/api-keys", body, "Idempotency-Key", "k").code(t))
		require.Len(t, listed().Items, 2)
	})
	t.Run("a revoked key is none at once", func(t *testing.T) {
		require.Equal(t, 403, w.as(t, agent, "DELETE", w.api+"/api-keys/"+issued.ID.String(), "").StatusCode)
		require.Equal(t, 404, w.as(t, owner, "DELETE", w.api+"/api-keys/"+uuid.NewString(), "").StatusCode)
		require.Equal(t, 200, w.as(t, owner, "DELETE", w.api+"/api-keys/"+issued.ID.String(), "").StatusCode)
		require.Equal(t, 401, w.withKey(t, issued.Key, "GET", w.api+"/secrets", "").StatusCode)
		require.Equal(t, 200, w.as(t, owner, "DELETE", w.api+"/api-keys/"+issued.ID.String(), "").StatusCode)
		require.Len(t, listed().Items, 1)
	})
	t.Run("so is one that has expired", func(t *testing.T) {
		brief := w.issue(t, `{"name":"Brief","permissions":["secrets.view"],"expires_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
		require.Equal(t, 200, w.withKey(t, brief.Key, "GET", w.api+"/secrets", "").StatusCode)
		now := w.Now
		w.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
		require.Equal(t, 401, w.withKey(t, brief.Key, "GET", w.api+"/secrets", "").StatusCode)
		w.Now = now
	})
	require.NotContains(t, w.logged.String(), issued.Key)
	for _, r := range w.Stored(t) {
		require.NotContains(t, string(r.Data), issued.Key[4:20])
		require.NotContains(t, string(r.Data), "Sync")
	}
}
