package auth

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// header is what is looked at before a token's signature.
type header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`

	accessToken bool // by its type
}

// checkHeader refuses what needs no signature check: algorithms and types that are not accepted.
func checkHeader(token string, c Config) (header, error) {
	var h header
	encoded, _, ok := strings.Cut(token, ".")
	if !ok || strings.Count(token, ".") != 2 {
		return h, ErrInvalidToken
	}
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(raw, &h) != nil || !slices.Contains(c.Algorithms, h.Algorithm) {
		return h, ErrInvalidToken
	}
	switch strings.TrimPrefix(strings.ToLower(h.Type), "application/") {
	case "at+jwt":
		h.accessToken = true
	case "jwt", "":
		if !c.AcceptJWT {
			return h, ErrInvalidToken
		}
	default:
		return h, ErrInvalidToken
	}
	return h, nil
}
