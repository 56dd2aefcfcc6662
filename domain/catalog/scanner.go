package catalog

import (
	"encoding/base64"
	"encoding/hex"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// scanner reads JSON exactly as encoding/json writes it: fields in the order of the struct, no spaces, plain ASCII
// without escapes. Anything else sets off, and the caller reads the same bytes with encoding/json, which decides what they
// mean. It is several times faster, and most of a log is written that way.
type scanner struct {
	rest []byte
	off  bool
}

// scan reads data with read, and tells whether that understood all of it.
func scan(data []byte, read func(s *scanner)) bool {
	s := scanner{rest: data}
	read(&s)
	return !s.off && len(s.rest) == 0
}

// has takes text if that comes next.
func (s *scanner) has(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

// must takes what has to come next.
func (s *scanner) must(text string) {
	if !s.has(text) {
		s.fail()
	}
}

// fail ends it: nothing follows, so that loops end too.
func (s *scanner) fail() { s.rest, s.off = nil, true }

// quoted returns a text as a part of the data.
func (s *scanner) quoted() []byte {
	s.must(`"`)
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			text := s.rest[:i]
			s.rest = s.rest[i+1:]
			return text
		case c == '\\' || c < ' ' || c >= 0x80:
			s.fail()
			return nil
		}
	}
	s.fail()
	return nil
}

func (s *scanner) text() string { return string(s.quoted()) }

// again returns the text that comes next: the one before, if it is the same.
func (s *scanner) again(before string) string {
	if n := len(before); len(s.rest) > n+1 && s.rest[0] == '"' && s.rest[n+1] == '"' && string(s.rest[1:n+1]) == before {
		s.rest = s.rest[n+2:]
		return before
	}
	return s.text()
}

// optional returns the text of a field that may be left out. name includes what stands between it and the text.
func (s *scanner) optional(name string) string {
	if !s.has(name) {
		return ""
	}
	return s.text()
}

func (s *scanner) texts() (list []string) {
	s.must("[")
	for {
		list = append(list, s.text())
		if !s.has(",") {
			s.must("]")
			return list
		}
	}
}

const longestNumber = 18 // digits that surely fit

func (s *scanner) number() (n uint64) {
	digits := 0
	for digits < len(s.rest) && s.rest[digits] >= '0' && s.rest[digits] <= '9' {
		n = 10*n + uint64(s.rest[digits]-'0')
		if digits++; digits > longestNumber {
			break
		}
	}
	if digits == 0 || digits > longestNumber || digits > 1 && s.rest[0] == '0' {
		s.fail()
		return 0
	}
	s.rest = s.rest[digits:]
	return n
}

func (s *scanner) truth() bool {
	if s.has("true") {
		return true
	}
	s.must("false")
	return false
}

func (s *scanner) uuid() (id uuid.UUID) {
	if len(s.rest) < 38 {
		s.fail()
		return uuid.Nil
	}
	t, quotes := s.rest[1:37], s.rest[0] == '"' && s.rest[37] == '"'
	digits := [32]byte{}
	n := copy(digits[:], t[:8])
	n += copy(digits[n:], t[9:13])
	n += copy(digits[n:], t[14:18])
	n += copy(digits[n:], t[19:23])
	copy(digits[n:], t[24:])
	_, err := hex.Decode(id[:], digits[:])
	if err != nil || !quotes || t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-' {
		s.fail()
		return uuid.Nil
	}
	s.rest = s.rest[38:]
	return id
}

// sealed returns private text, which is still sealed.
func (s *scanner) sealed() (p domain.Private) {
	if s.has("null") {
		return p
	}
	ciphertext, err := base64.StdEncoding.Strict().AppendDecode([]byte{}, s.quoted())
	if err != nil {
		s.fail()
	}
	p.Seal(ciphertext)
	return p
}
