package auth

import "github.com/kdesk/client-secrets/commands"

// KeyHash returns the keyed hash by which the log knows an API key.
func KeyHash(h commands.Hasher, key string) []byte { return h.APIKey(key) }
