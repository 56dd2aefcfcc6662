package http

import (
	nethttp "net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
)

func TestAFullLogIsNamed(t *testing.T) {
	w := newWorld(t)
	secret := w.api + "/secrets/" + w.Secret.String()
	w.Log.Fill()
	for path, body := range map[string]string{
		w.api + "/templates": templateBody, secret + "/fields/api_key/reveal": "", secret + "/rules": `{"kind":"ticket_creator"}`,
	} {
		got := w.as(t, owner, "POST", path, body)
		require.Equal(t, nethttp.StatusServiceUnavailable, got.StatusCode, "%s: %s", path, got.body)
		require.Equal(t, "log_full", got.code(t), path)
		require.Equal(t, "60", got.Header.Get("Retry-After"), path)
		require.NotContains(t, string(got.body), commandstest.Value)
	}
	require.Equal(t, 200, w.get(t, owner, secret).StatusCode, "reading goes on")
}

func TestAVaultOutOfReachIsNamed(t *testing.T) {
	w := newWorld(t)
	w.CutDatabase()
	for path, body := range map[string]string{
		"/templates": templateBody, "/secrets": `{"template_id":"` + w.Template.String() + `","name":"N","fields":{"api_key":"v"}}`,
	} {
		got := w.as(t, owner, "POST", w.api+path, body)
		require.Equal(t, nethttp.StatusServiceUnavailable, got.StatusCode, "%s: %s", path, got.body)
		require.Equal(t, "vault_unavailable", got.code(t), path)
		require.NotEmpty(t, got.Header.Get("Retry-After"), path)
		require.Regexp(t, `a request failed.*`+got.Header.Get(headerRequestID), w.logged.String())
	}
	got := w.as(t, owner, "PUT", w.api+"/members/test:new", `{"name":"N"}`)
	require.Equal(t, "vault_unavailable", got.code(t))
}
