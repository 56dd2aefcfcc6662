package commands_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kdesk/client-secrets/commands"
)

func TestAPIKeys(t *testing.T) {
	key, other := commands.NewAPIKey(), commands.NewAPIKey()
	assert.NotEqual(t, key, other)
	assert.Len(t, key, 4+48)
	assert.True(t, commands.IsAPIKey(key))
	for i := range key {
		mistyped := []byte(key)
		if mistyped[i] ^= 1; string(mistyped) != key {
			assert.False(t, commands.IsAPIKey(string(mistyped)), "at %d", i)
		}
	}
	for _, no := range []string{"", "csk_", key[:len(key)-1], key + "A", " " + key} {
		assert.False(t, commands.IsAPIKey(no))
	}
}

func FuzzIsAPIKey(f *testing.F) {
	f.Add(commands.NewAPIKey())
	f.Fuzz(func(_ *testing.T, text string) { commands.IsAPIKey(text) })
}
