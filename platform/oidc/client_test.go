package oidc

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzCallbackIsOnLoopback(f *testing.F) {
	for _, seed := range []string{
		"http://127.0.0.1:8443/auth/callback", "http://localhost:1/auth/callback", "http://127.0.0.1:1@evil.example/auth/callback",
		"http://127.0.0.1:1\\@evil.example/auth/callback", "http://localhost:80/auth/callback#", "HTTP://localhost:80/auth/callback",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if !isCallback(uri) {
			return
		}
		u, err := url.Parse(uri)
		require.NoError(t, err)
		require.Equal(t, "http", u.Scheme)
		require.Contains(t, []string{"127.0.0.1", "localhost"}, u.Hostname())
		require.Equal(t, callbackPath, u.EscapedPath())
		require.Nil(t, u.User)
		require.Empty(t, u.RawQuery+u.Fragment)
	})
}
