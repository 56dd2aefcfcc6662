package auth

import (
	"crypto/hmac"
	"crypto/sha256"

	"github.com/kdesk/client-secrets/commands"
)

// keyPrefix is how the API keys of service accounts begin.
const keyPrefix = "csk_"

// KeyHash returns the keyed hash by which the log knows an API key.
func KeyHash(h commands.Hasher, key string) []byte {
	mac := hmac.New(sha256.New, h.Key)
	mac.Write([]byte("api_key\x00"))
	mac.Write([]byte(key))
	mac.Write([]byte{0})
	return mac.Sum(nil)
}
