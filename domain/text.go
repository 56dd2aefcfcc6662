package domain

import (
	"net/mail"
	"net/url"
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
	ErrTextCharacter = Refuse(Invalid, "text_character", "the text holds control, invisible or direction-changing characters, or is not UTF-8")
	ErrFileName      = Refuse(Invalid, "invalid_file_name", "this is no name for a file")
	ErrEmail         = Refuse(Invalid, "invalid_email", "this is no mail address")
)

// CheckName returns text without surrounding white space. It refuses one that has nothing to see, is longer than limit
// characters, has more than one line, or holds control characters, invisible ones or ones that change the writing
// direction: those make one name look like another. Of the invisible ones, those that scripts and emoji are written
// with may stay.
func CheckName(text string, limit int) (string, error) {
	name, err := CheckLine(text, limit)
	switch {
	case err != nil:
		return name, err
	case !Shows(name):
		return "", ErrTextRequired
	case strings.ContainsFunc(name, func(r rune) bool { return invisible(r) && !unicode.Is(joining, r) }):
		return "", ErrTextCharacter
	}
	return name, nil
}

// CheckLine returns a text of one line, which may be empty, without surrounding white space. It refuses one that is longer
// than limit characters, or holds control characters or ones that change the writing direction.
func CheckLine(text string, limit int) (string, error) {
	return check(text, limit, func(r rune) bool { return !forbidden(r) })
}

// CheckText is CheckLine for a text that may have several lines. Line ends become "\n".
func CheckText(text string, limit int) (string, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return check(text, limit, func(r rune) bool { return r == '\n' || r == '\t' || !forbidden(r) })
}

// MaxFileName bounds the name of a file, in bytes: what file systems take.
const MaxFileName = 255

// CheckFileName returns the name of a file without the folders before it. It refuses what CheckName does, plain direction
// marks too, since they hide how a name ends, and names that mean a folder.
func CheckFileName(name string) (string, error) {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name, err := CheckName(name, MaxFileName)
	switch {
	case err != nil:
		return "", err
	case len(name) > MaxFileName:
		return "", ErrTextTooLong
	case strings.ContainsAny(name, "\u061c\u200e\u200f"):
		return "", ErrTextCharacter
	case strings.Trim(name, ".") == "":
		return "", ErrFileName
	}
	return name, nil
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

// IsWebAddress tells whether text is an http or https address with a host and without a user. A link to it only opens: a
// "javascript:" one would be run.
func IsWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// TidyName returns what CheckName takes of a text whose author cannot be asked to mend it: what is forbidden is left out, a
// line's end is a space, and it ends at limit characters. Empty if there is nothing to see.
func TidyName(text string, limit int) string {
	text = tidy(text, limit, func(r rune) bool { return !forbidden(r) && (!invisible(r) || unicode.Is(joining, r)) })
	if name, err := CheckName(text, limit); err == nil {
		return name
	}
	return ""
}

// TidyLine is TidyName for what CheckLine takes.
func TidyLine(text string, limit int) string {
	return tidy(text, limit, func(r rune) bool { return !forbidden(r) })
}

func tidy(text string, limit int, allowed func(rune) bool) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case !allowed(r), r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if runes := []rune(text); len(runes) > limit {
		text = strings.TrimSpace(string(runes[:limit]))
	}
	return text
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

// Shows tells whether there is something to see in a text.
func Shows(text string) bool { return strings.ContainsFunc(text, visible) }

// visible tells whether a character shows something by itself: a combining mark needs one to stand on.
func visible(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !invisible(r)
}

// blank are characters that are shown as nothing although Unicode does not say they may be ignored: a Braille pattern
// without dots and a note without a head.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}},
}

// invisible tells whether a character shows nothing: formats, fillers, variation selectors, tags. Those are Unicode's
// Default_Ignorable_Code_Point (DerivedCoreProperties.txt), of which the standard library has the parts, and what is blank.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, blank) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// joining are the invisible characters that scripts and emoji are written with: joiners and marks of direction, the
// grapheme joiner, and variation selectors.
var joining = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1},
		{Lo: 0x061c, Hi: 0x061c, Stride: 1},
		{Lo: 0x180b, Hi: 0x180f, Stride: 1},
		{Lo: 0x200c, Hi: 0x200f, Stride: 1},
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}},
}

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
