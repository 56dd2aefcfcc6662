package http

import (
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/imports"
)

const accounts = "Title,User,Key\nPortal,admin,needle-one\nMail,root,needle-two\n"

func TestImport(t *testing.T) {
	w := newWorld(t)
	path := w.api + "/imports/csv?name=Title&plain=User"
	var dry, report imports.Report
	got := w.as(t, owner, "POST", path+"&dry_run=true", accounts, "Content-Type", "text/csv")
	require.Equal(t, 200, got.StatusCode, string(got.body))
	got.into(t, &dry)
	require.Equal(t, 404, w.get(t, owner, w.api+"/secrets/"+dry.Items[0].Secret.String()).StatusCode, "nothing was made")
	got = w.as(t, owner, "POST", path, accounts, "Content-Type", "text/csv")
	require.Equal(t, 200, got.StatusCode, string(got.body))
	require.NotContains(t, string(got.body), "needle")
	got.into(t, &report)
	dry.DryRun = false
	require.Equal(t, dry, report)
	var made Secret
	w.get(t, owner, w.api+"/secrets/"+report.Items[0].Secret.String()).into(t, &made)
	require.Equal(t, "Portal", made.Name)
	require.False(t, made.Fields[0].Masked)
	require.Equal(t, "admin", *made.Fields[0].Value)
	require.True(t, made.Fields[1].Masked)
	require.Nil(t, made.Fields[1].Value)
	require.NotContains(t, w.logged.String(), "needle")
	require.NotContains(t, w.logged.String(), "Portal")
}

func TestImportsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		path, body, code string
		status           int
	}{
		"an unknown format":    {"/imports/lastpass", "x", "unknown_format", 404},
		"an unknown parameter": {"/imports/csv?sensitive=Key", accounts, "invalid_parameter", 400},
		"a parameter twice":    {"/imports/csv?name=User&name=Title", accounts, "invalid_parameter", 400},
		"no boolean":           {"/imports/csv?name=Title&dry_run=yes", accounts, "invalid_parameter", 400},
		"no such column":       {"/imports/csv?name=needle", accounts, "unknown_column", 422},
		"an encrypted export":  {"/imports/bitwarden", `{"encrypted":true,"items":[]}`, "encrypted_export", 422},
		"an empty body":        {"/imports/keeper", "", "not_an_export", 422},
		"no records":           {"/imports/keeper", `{"records":[]}`, "nothing_to_import", 422},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.as(t, owner, "POST", w.api+c.path, c.body)
			require.Equal(t, c.status, got.StatusCode, string(got.body))
			require.Equal(t, c.code, got.code(t))
			require.NotContains(t, string(got.body), "needle")
		})
	}
	w.ImportLimit = 1000
	got := w.as(t, owner, "POST", w.api+"/imports/csv?name=Title", accounts+strings.Repeat("x,y,z\n", 200))
	require.Equal(t, nethttp.StatusRequestEntityTooLarge, got.StatusCode)
	r := httptest.NewRequest("POST", w.api+"/imports/csv?name=Title", strings.NewReader(accounts))
	r.Header.Set("Authorization", "Bearer "+w.issuer.token(t, owner))
	r.Header.Set("Content-Encoding", "gzip")
	resp, err := w.app.Test(r, -1)
	require.NoError(t, err)
	require.Equal(t, nethttp.StatusUnsupportedMediaType, resp.StatusCode)
}
