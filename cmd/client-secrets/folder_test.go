package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// folder is t.TempDir for programs that are killed: their children may write for a moment longer.
func folder(t testing.TB) string {
	dir, err := os.MkdirTemp("", "client-secrets-program-")
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, 30*time.Second, 20*time.Millisecond)
	})
	return dir
}
