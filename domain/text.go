package domain

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of texts, in characters (runes).
const (
	MaxName  = 200
	MaxLong  = 5000
	maxEmail = 320
)

// Refusals of texts. Their codes are stable.
var (
	ErrTextRequired  = Refuse(Invalid, "text_required", "a text is required")
	ErrTextTooLong   = Refuse(Invalid, "text_too_long", "the text is too long")
	ErrTextCharacter = Refuse(Invalid, "text_character", "the text holds control or direction-changing characters, or is not UTF-8")
	ErrEmail         = Refuse(Invalid, "invalid_email", "this is no mail address")
)

// CheckName returns text without surrounding white space. It refuses one that has nothing to see, is longer than limit
// characters, has more than one line, or holds control characters or ones that change the writing direction: those
// make one name look like another.
func CheckName(text string, limit int) (string, error) {
	name, err := CheckLine(text, limit)
	if err == nil && !strings.ContainsFunc(name, visible) {
		return "", ErrTextRequired
	}
	return name, err
}

// CheckLine is CheckName for a text that may be empty.
func CheckLine(text string, limit int) (string, error) {
	return check(text, limit, func(r rune) bool { return !forbidden(r) })
}

// CheckText is CheckLine for a text that may have several lines. Line ends become "\n".
func CheckText(text string, limit int) (string, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return check(text, limit, func(r rune) bool { return r == '\n' || r == '\t' || !forbidden(r) })
}

// CheckEmail returns a mail address without surrounding white space. An empty one is allowed, a display name is not.
func CheckEmail(address string) (string, error) {
	address, err := CheckLine(address, maxEmail)
	if err != nil || address == "" {
		return address, err
	}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		return "", ErrEmail
	}
	return address, nil
}

func check(text string, limit int, allowed func(rune) bool) (string, error) {
	if !utf8.ValidString(text) {
		return "", ErrTextCharacter
	}
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, func(r rune) bool { return !allowed(r) }) {
		return "", ErrTextCharacter
	}
	if utf8.RuneCountInString(text) > limit {
		return "", ErrTextTooLong
	}
	return text, nil
}

func visible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }

// forbidden tells whether a character is a control, a line or paragraph separator, a byte order mark, or a
// bidirectional embedding, override or isolate (Unicode UAX #9). Plain direction marks stay: names in Arabic and
// Hebrew need them.
func forbidden(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff':
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return false
}
