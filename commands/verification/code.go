package verification

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
)

// Code is the six digits that a member is sent. It prints redacted.
type Code string

// String redacts.
func (Code) String() string { return "[code]" }

// GoString redacts.
func (Code) GoString() string { return "[code]" }

// LogValue redacts.
func (Code) LogValue() slog.Value { return slog.StringValue("[code]") }

// MarshalJSON redacts.
func (Code) MarshalJSON() ([]byte, error) { return []byte(`"[code]"`), nil }

const digits = 6

var errMalformedCode = domain.Refuse(domain.Invalid, "malformed_code", "a code has six digits")

// ParseCode reads a code as people type it: white space does not count.
func ParseCode(text string) (Code, error) {
	text = strings.Join(strings.Fields(text), "")
	if len(text) != digits || strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", errMalformedCode.With("body.code", "has six digits")
	}
	return Code(text), nil
}

// is compares in constant time.
func (c Code) is(other Code) bool { return subtle.ConstantTimeCompare([]byte(c), []byte(other)) == 1 }

// Codes derives codes from challenges. Whoever reads the log can not: it takes a key of the server. Each challenge names the
// one it uses. Make one with NewCodes.
type Codes struct {
	keys *commands.MonthlyKeys
}

// NewCodes returns codes under a server's keys.
func NewCodes(keys commands.ServerKeys) *Codes {
	return &Codes{commands.NewMonthlyKeys(keys, "verification-codes")}
}

// Of returns the code of a member's challenge.
func (c *Codes) Of(ctx context.Context, workspace uuid.UUID, member string, challenge uuid.UUID, keyID string) (Code, error) {
	key, err := c.keys.Get(ctx, keyID)
	if err != nil {
		return "", err
	}
	return codeOf(key, workspace, member, challenge), nil
}

const (
	codes = 1_000_000
	fair  = 1<<32 - 1<<32%codes // below it, every code has the same number of 32-bit words
)

// codeOf is the first fair 32-bit word of HMAC-SHA256(key, ...), modulo a million: every code is equally likely. That no
// word of a whole sum is fair happens once in 10^29; the next sum is taken then.
func codeOf(key []byte, workspace uuid.UUID, member string, challenge uuid.UUID) Code {
	for n := byte(0); ; n++ {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("reveal verification\x00"))
		mac.Write(append(workspace[:], challenge[:]...))
		mac.Write(append([]byte{n}, member...))
		for sum := mac.Sum(nil); len(sum) > 0; sum = sum[4:] {
			if word := binary.BigEndian.Uint32(sum); uint64(word) < fair {
				return Code(fmt.Sprintf("%06d", word%codes))
			}
		}
	}
}
