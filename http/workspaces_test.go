package http

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
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
