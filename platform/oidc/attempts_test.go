package oidc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAttemptsExpire(t *testing.T) {
	a, err := newAttempts()
	require.NoError(t, err)
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	a.now = func() time.Time { return now }

	id := a.begin(attempt{browser: "b"})
	now = now.Add(loginLifetime - time.Second)
	at, ok := a.find(id, "b")
	require.True(t, ok)
	code, ok := a.finish(id, at, session{})
	require.True(t, ok)
	_, ok = a.finish(id, at, session{})
	require.False(t, ok, "a sign-in ends once")
	now = now.Add(codeLifetime)
	_, ok = a.exchange(code)
	require.False(t, ok, "a code expires")

	id = a.begin(attempt{browser: "b"})
	now = now.Add(loginLifetime)
	_, ok = a.find(id, "b")
	require.False(t, ok, "a sign-in expires")
	_, ok = a.find(a.begin(attempt{}), "")
	require.False(t, ok, "a request without a cookie has no browser")
}

func TestAttemptsAreBounded(t *testing.T) {
	a, err := newAttempts()
	require.NoError(t, err)
	first := a.begin(attempt{browser: "b"})
	for range maxAttempts {
		id := a.begin(attempt{browser: "b"})
		at, _ := a.find(id, "b")
		if _, ok := a.finish(id, at, session{}); !ok {
			t.Fatal("a sign-in cannot end")
		}
		a.begin(attempt{browser: "b"})
	}
	require.Equal(t, maxAttempts, a.logins.Len())
	require.Equal(t, maxAttempts, a.codes.Len())
	_, ok := a.find(first, "b")
	require.False(t, ok, "the oldest is forgotten")
}
