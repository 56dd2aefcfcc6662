package http

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/domain"
)

func TestASecretIsUpgraded(t *testing.T) {
	w := newWorld(t)
	secret := w.api + "/secrets/" + w.Secret.String()
	require.Equal(t, 200, w.as(t, owner, "PUT", secret+"/fields/note", `{"value":"needle of a note"}`).StatusCode)
	revised := w.as(t, owner, "PUT", w.api+"/templates/"+w.Template.String(), `{"name":"Tenant","fields":[
		{"key":"api_key","label":"API key","type":"text","required":true},{"key":"tenant","label":"Tenant","type":"text","required":true}]}`)
	require.Equal(t, 200, revised.StatusCode, string(revised.body))

	refused := w.as(t, owner, "POST", secret+"/upgrade-template", "")
	require.Equal(t, 409, refused.StatusCode, string(refused.body))
	var p Problem
	refused.into(t, &p)
	require.Equal(t, "upgrade_loses_values", p.Code)
	require.Equal(t, "body.fields.api_key", p.Errors[0].Location, "what was masked would not be")
	require.Equal(t, "body.fields.note", p.Errors[1].Location)
	require.Equal(t, "body.fields.tenant", p.Errors[3].Location)
	require.Equal(t, "upgrade_needs_values", w.as(t, owner, "POST", secret+"/upgrade-template", `{"confirm_loss":true}`).code(t))
	require.Equal(t, 403, w.as(t, agent, "POST", secret+"/upgrade-template", "").StatusCode)
	require.Equal(t, 404, w.as(t, other, "POST", secret+"/upgrade-template", "").StatusCode)

	const body = `{"confirm_loss":true,"fields":{"api_key":"needle of a key","tenant":"needle of a tenant"}}`
	done := w.as(t, owner, "POST", secret+"/upgrade-template", body, "Idempotency-Key", "u")
	require.Equal(t, 200, done.StatusCode, string(done.body))
	require.Equal(t, done.body, w.as(t, owner, "POST", secret+"/upgrade-template", body, "Idempotency-Key", "u").body)
	var doc Secret
	w.get(t, agent, secret).into(t, &doc)
	require.Equal(t, 2, doc.Template.Version)
	require.Len(t, doc.Fields, 2)
	require.False(t, doc.Fields[0].Masked, "it follows the newest version")
	require.Equal(t, "needle of a key", *doc.Fields[0].Value, "the one given anew")
	require.Equal(t, "needle of a tenant", *doc.Fields[1].Value)
	require.NotContains(t, w.logged.String(), "needle")
}

func TestASecretIsHeldAndDestroyed(t *testing.T) {
	w := newWorld(t)
	secret := w.api + "/secrets/" + w.Secret.String()
	require.Equal(t, 200, w.as(t, owner, "PUT", secret+"/fields/note", `{"value":"needle of a note"}`).StatusCode)
	require.Equal(t, 422, w.as(t, owner, "PUT", secret+"/hold", `{"reason":""}`).StatusCode)
	require.Equal(t, 403, w.as(t, agent, "PUT", secret+"/hold", `{"reason":"x"}`).StatusCode)
	require.Equal(t, 200, w.as(t, owner, "PUT", secret+"/hold", `{"reason":"needle of a hold"}`).StatusCode)
	var doc Secret
	w.get(t, agent, secret).into(t, &doc)
	require.Equal(t, "needle of a hold", doc.Hold.Reason)
	const body = `{"confirm":"Tenant"}`
	held := w.as(t, owner, "POST", secret+"/destroy", body)
	require.Equal(t, 409, held.StatusCode)
	require.Equal(t, "on_hold", held.code(t))
	require.Equal(t, 200, w.as(t, owner, "DELETE", secret+"/hold", `{"reason":"settled"}`).StatusCode)
	require.Equal(t, 200, w.as(t, owner, "DELETE", secret+"/hold", ``).StatusCode)
	require.Equal(t, 422, w.as(t, owner, "POST", secret+"/destroy", `{"confirm":"Tenan"}`).StatusCode)
	require.Equal(t, 404, w.as(t, other, "POST", secret+"/destroy", body).StatusCode)

	done := w.as(t, owner, "POST", secret+"/destroy", body, "Idempotency-Key", "d")
	require.Equal(t, 202, done.StatusCode, string(done.body))
	require.Equal(t, done.body, w.as(t, owner, "POST", secret+"/destroy", body, "Idempotency-Key", "d").body)
	require.Equal(t, "secret_destroyed", w.as(t, owner, "POST", secret+"/destroy", body).code(t))
	require.Equal(t, 409, w.as(t, owner, "POST", secret+"/fields/api_key/reveal", "").StatusCode)
	require.Equal(t, 404, w.as(t, agent, "POST", secret+"/fields/api_key/reveal", "").StatusCode)

	gone := func(complete bool) {
		t.Helper()
		require.Equal(t, 404, w.get(t, agent, secret).StatusCode)
		got := w.get(t, owner, secret)
		require.Equal(t, 200, got.StatusCode, string(got.body))
		require.NotContains(t, string(got.body), "needle")
		var doc Secret
		got.into(t, &doc)
		require.Equal(t, "erased", doc.Name)
		require.Equal(t, complete, doc.Destroyed.CompleteAt != nil)
		require.Equal(t, Can{}, doc.Can)
		for who, items := range map[string]string{owner: `"name":"erased"`, agent: `"items":[]`} {
			require.Contains(t, string(w.get(t, who, w.api+"/secrets").body), items)
		}
		require.Contains(t, string(w.get(t, owner, w.api+"/secrets?state=destroyed").body), `"name":"erased"`)
		require.Contains(t, string(w.get(t, owner, w.api+"/secrets?state=inactive").body), `"items":[]`)
		panel := w.get(t, owner, w.api+"/tickets/"+commandstest.Ticket+"/panel")
		require.Contains(t, string(panel.body), `"items":[],"linkable":[]`)
	}
	gone(false)
	events := w.Scene.Events(t, domain.Stream(domain.SecretKind, w.Secret))
	require.NoError(t, w.Scene.Secrets.CompleteDestruction(t.Context(), events[len(events)-1]))
	gone(true)
	require.NotContains(t, w.logged.String(), "needle")
}
