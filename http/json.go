package http

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/kdesk/client-secrets/domain"
)

const maxDepth = 32

var (
	errMalformedJSON = domain.Refuse(domain.Malformed, "malformed_json", "the body is no JSON value in UTF-8")
	errTooDeep       = domain.Refuse(domain.Malformed, "too_deep", "the body nests deeper than 32 levels")
	errDuplicateKey  = domain.Refuse(domain.Malformed, "duplicate_key", "an object of the body has the same key twice")
)

// checkJSON refuses bodies that different readers could understand differently: with something after the value, a key
// twice in an object, or text that is not Unicode; and those that nest too deep.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) || !json.Valid(body) || loneSurrogate(body) {
		return errMalformedJSON
	}
	var open []map[string]bool // keys seen in each open object; nil for an array
	for i := 0; i < len(body); {
		switch body[i] {
		case '{', '[':
			var keys map[string]bool
			if body[i] == '{' {
				keys = map[string]bool{}
			}
			if open = append(open, keys); len(open) > maxDepth {
				return errTooDeep
			}
			i++
		case '}', ']':
			open = open[:len(open)-1]
			i++
		case '"':
			end := stringEnd(body, i)
			if err := noteKey(open, body, i, end); err != nil {
				return err
			}
			i = end
		default:
			i++
		}
	}
	return nil
}

// noteKey notes a string if it is a key.
func noteKey(open []map[string]bool, body []byte, start, end int) error {
	if len(open) == 0 || open[len(open)-1] == nil {
		return nil
	}
	rest := bytes.TrimLeft(body[end:], " \t\r\n")
	if len(rest) == 0 || rest[0] != ':' {
		return nil
	}
	var key string
	if err := json.Unmarshal(body[start:end], &key); err != nil {
		return errMalformedJSON
	}
	keys := open[len(open)-1]
	if keys[key] {
		return errDuplicateKey
	}
	keys[key] = true
	return nil
}

// stringEnd returns the index after the string that begins at start.
func stringEnd(body []byte, start int) int {
	for i := start + 1; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(body)
}

// loneSurrogate tells whether a valid JSON text has an escaped half of a surrogate pair: it is no character, and decoding
// would put another in its place.
func loneSurrogate(body []byte) bool {
	text := string(body)
	if !strings.Contains(text, `\u`) {
		return false
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++ // at what is escaped
		if body[i] != 'u' {
			continue
		}
		switch code := hex4(body[i+1:]); {
		case code >= 0xdc00 && code <= 0xdfff:
			return true
		case code >= 0xd800 && code <= 0xdbff:
			if i+7 > len(body) || body[i+5] != '\\' || body[i+6] != 'u' {
				return true
			}
			if low := hex4(body[i+7:]); low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 6
		}
	}
	return false
}

// hex4 returns the number of four hexadecimal digits; 0 if there are none.
func hex4(b []byte) (n rune) {
	if len(b) < 4 {
		return 0
	}
	for _, c := range b[:4] {
		n <<= 4
		switch {
		case c >= '0' && c <= '9':
			n += rune(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n += rune(c|0x20-'a') + 10
		}
	}
	return n
}
