package http

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"github.com/kdesk/client-secrets/domain"
)

const cursorTag = 16 // bytes

var errCursor = domain.Refuse(domain.Malformed, "invalid_cursor", "this cursor was not given out by this list with these filters")

// cursors turns the place where a list goes on into opaque tokens that only that list takes back.
type cursors struct{ key []byte }

// token returns the cursor of a list after a sort key; empty for the end.
func (c cursors) token(list, after string) string {
	if after == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(c.tag(list, after), after...))
}

// parse returns the sort key of a cursor of a list; empty for none.
func (c cursors) parse(list, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) <= cursorTag {
		return "", errCursor
	}
	after := string(b[cursorTag:])
	if !hmac.Equal(b[:cursorTag], c.tag(list, after)) {
		return "", errCursor
	}
	return after, nil
}

func (c cursors) tag(list, after string) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte("cursor\x00" + list + "\x00" + after))
	return mac.Sum(nil)[:cursorTag]
}
