package invitation

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
)

// Token is what an invited member is sent. It prints redacted.
type Token string

// String redacts.
func (Token) String() string { return "[invitation]" }

// GoString redacts.
func (Token) GoString() string { return "[invitation]" }

// LogValue redacts.
func (Token) LogValue() slog.Value { return slog.StringValue("[invitation]") }

// MarshalJSON redacts.
func (Token) MarshalJSON() ([]byte, error) { return []byte(`"[invitation]"`), nil }

// TokenPrefix is how tokens begin, so that people and scanners recognise one.
const TokenPrefix = "csi_"

const namedBytes = 3 * 16 // workspace, member's stream, invitation

var encoding = base64.RawURLEncoding.Strict()

// Tokens derives tokens from invitations. Whoever reads the log can not: it takes a key of the server. Make one with
// NewTokens.
type Tokens struct {
	keys *commands.MonthlyKeys
}

// NewTokens returns tokens under a server's keys.
func NewTokens(keys commands.ServerKeys) *Tokens {
	return &Tokens{commands.NewMonthlyKeys(keys, "invitations")}
}

// Of returns the token of a member's invitation: the prefix, then in base64url without padding the ids of workspace,
// member's stream and invitation and their HMAC-SHA256.
func (t *Tokens) Of(ctx context.Context, workspace uuid.UUID, memberID string, i member.Invitation) (Token, error) {
	key, err := t.keys.Get(ctx, i.KeyID)
	if err != nil {
		return "", err
	}
	stream, err := domain.StreamID(domain.DirectoryStream(workspace, domain.MemberKind, memberID))
	if err != nil {
		return "", err
	}
	named := append(append(append(make([]byte, 0, namedBytes+sha256.Size), workspace[:]...), stream[:]...), i.ID[:]...)
	return Token(TokenPrefix + encoding.EncodeToString(append(named, sealOf(key, named)...))), nil
}

func sealOf(key, named []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("member invitation\x00"))
	mac.Write(named)
	return mac.Sum(nil)
}

// invited is what a genuine token names.
type invited struct{ workspace, member, invitation uuid.UUID }

// open checks a token, as people paste it, against the keys that an invitation of now may derive from. It does not look
// into the log: what was made up costs two hashes. member.ErrInvitation if it is not genuine.
func (t *Tokens) open(ctx context.Context, token Token, now time.Time) (invited, error) {
	encoded, ok := strings.CutPrefix(strings.Join(strings.Fields(string(token)), ""), TokenPrefix)
	raw, err := encoding.DecodeString(encoded)
	if !ok || err != nil || len(raw) != namedBytes+sha256.Size {
		return invited{}, member.ErrInvitation
	}
	named, seal := raw[:namedBytes], raw[namedBytes:]
	genuine := false
	for _, issued := range []time.Time{now, now.Add(-member.InvitationValidity)} {
		key, err := t.keys.Get(ctx, commands.KeyIDAt(issued))
		if err != nil {
			return invited{}, err
		}
		genuine = hmac.Equal(seal, sealOf(key, named)) || genuine
	}
	if !genuine {
		return invited{}, member.ErrInvitation
	}
	return invited{uuid.UUID(named[:16]), uuid.UUID(named[16:32]), uuid.UUID(named[32:])}, nil
}
