package commands

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"

	"github.com/kdesk/client-secrets/domain"
)

const maxSubject = 255 // characters, of OpenID Connect Core 1.0, section 2

// Hasher hashes what the log must recognise but not tell: identities, mail addresses and API keys. HMAC-SHA256 under a key of the
// installation.
type Hasher struct {
	Key []byte // 32 bytes
}

// Subject returns the hash of a sign-in's issuer and subject.
func (h Hasher) Subject(issuer, subject string) []byte { return h.sum("subject", issuer, subject) }

// Identity checks a sign-in that somebody names and returns its issuer, trimmed, with the hash of its subject.
func (h Hasher) Identity(issuer, subject string) (string, []byte, error) {
	var p domain.Problems
	issuer = p.Name("body.issuer", issuer, domain.MaxName)
	if issuer != "" && !domain.IsWebAddress(issuer) {
		p.Add("invalid_issuer", "body.issuer", "is no address of an issuer, which reads https://… as in its tokens")
	}
	p.Name("body.subject", subject, maxSubject)
	return issuer, h.Subject(issuer, subject), p.Err()
}

// Email returns the hash of a mail address, the same for any spelling in upper and lower case; nil for none.
func (h Hasher) Email(address string) []byte {
	if address == "" {
		return nil
	}
	return h.sum("email", strings.ToLower(address))
}

// APIKey returns the hash of a service account's key.
func (h Hasher) APIKey(key string) []byte { return h.sum("api_key", key) }

// Import returns the hash of an imported record's content, for records that have no id of their own.
func (h Hasher) Import(content []byte) []byte { return h.sum("import", string(content)) }

func (h Hasher) sum(parts ...string) []byte {
	mac := hmac.New(sha256.New, h.Key)
	for _, p := range parts {
		mac.Write([]byte(p))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)
}
