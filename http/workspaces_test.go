package http

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASignInWhoseAddressIsNoneOpensAWorkspace(t *testing.T) {
	w := newWorld(t)
	opened := w.as(t, "not:an address", "POST", workspacesPath, `{"name":"Mine"}`) // the issuer makes it the address
	require.Equal(t, 201, opened.StatusCode, string(opened.body))
	require.Equal(t, 200, w.as(t, "not:an address", "GET", opened.Header.Get("Location"), "").StatusCode)
}
