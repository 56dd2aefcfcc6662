package http

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
)

func TestASignInWhoseAddressIsNoneOpensAWorkspace(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 200, w.get(t, owner, w.api+"/settings").StatusCode)
	opened := w.as(t, "not:an address", "POST", workspacesPath, `{"name":"Mine"}`) // the issuer makes it the address
	require.Equal(t, 201, opened.StatusCode, string(opened.body))
	require.Equal(t, 200, w.as(t, "not:an address", "GET", opened.Header.Get("Location"), "").StatusCode)
}

func TestAReadModelThatIsNotBuiltYetIsUnavailable(t *testing.T) {
	p := problemOf(fmt.Errorf("reading: %w", sqlState("42P01")))
	require.Equal(t, 503, p.Status)
	require.Positive(t, p.retryAfter)
	require.Equal(t, 500, problemOf(sqlState("42703")).Status)
}

type sqlState string

func (s sqlState) Error() string    { return string(s) }
func (s sqlState) SQLState() string { return string(s) }

func TestThePageIsThereWithTheModuleOnAndOneOfItsPermissions(t *testing.T) {
	p := newProp(t)
	page := func(who string) bool {
		t.Helper()
		var me Me
		got := p.get(t, who, "/v1/me")
		require.Equal(t, 200, got.StatusCode)
		got.into(t, &me)
		require.Len(t, me.Workspaces, 1)
		return me.Workspaces[0].ClientSecretsPage
	}
	p.enter("test:none")
	require.False(t, page("test:none"))
	for _, perm := range domain.Permissions() {
		who := p.enter("test:only."+string(perm), perm)
		require.Equal(t, slices.Contains(domain.ClientSecretPermissions(), perm), page(who), perm)
	}
	require.True(t, page(owner))
	require.Equal(t, 200, p.as(t, owner, "PATCH", p.api+"/settings", `{"enabled":false}`).StatusCode)
	require.False(t, page(owner))
	require.False(t, page("test:only.secrets.view"))
}
