package http

import (
	"testing"

	"github.com/stretchr/testify/require"
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
	require.Equal(t, "body.fields.note", p.Errors[0].Location)
	require.Equal(t, "body.fields.tenant", p.Errors[1].Location)
	require.Equal(t, "upgrade_needs_values", w.as(t, owner, "POST", secret+"/upgrade-template", `{"confirm_loss":true}`).code(t))
	require.Equal(t, 403, w.as(t, agent, "POST", secret+"/upgrade-template", "").StatusCode)
	require.Equal(t, 404, w.as(t, other, "POST", secret+"/upgrade-template", "").StatusCode)

	const body = `{"confirm_loss":true,"fields":{"tenant":"needle of a tenant"}}`
	done := w.as(t, owner, "POST", secret+"/upgrade-template", body, "Idempotency-Key", "u")
	require.Equal(t, 200, done.StatusCode, string(done.body))
	require.Equal(t, done.body, w.as(t, owner, "POST", secret+"/upgrade-template", body, "Idempotency-Key", "u").body)
	var doc Secret
	w.get(t, agent, secret).into(t, &doc)
	require.Equal(t, 2, doc.Template.Version)
	require.Len(t, doc.Fields, 2)
	require.False(t, doc.Fields[0].Masked, "it follows the newest version")
	require.NotNil(t, doc.Fields[0].Value)
	require.Equal(t, "needle of a tenant", *doc.Fields[1].Value)
	require.NotContains(t, w.logged.String(), "needle")
}
