package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocumentsAreCurrent holds the generated documents against what would be generated now: `make generate` renews them.
func TestDocumentsAreCurrent(t *testing.T) {
	for command, file := range map[string]string{"openapi": "openapi.json", "events": "events.md"} {
		stored, err := os.ReadFile(filepath.Join("..", "..", "docs", file))
		require.NoError(t, err)
		root := newRoot()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetArgs([]string{command})
		require.NoError(t, root.Execute())
		assert.True(t, bytes.Equal(stored, out.Bytes()), "docs/%s is not current: make generate", file)
	}
}
