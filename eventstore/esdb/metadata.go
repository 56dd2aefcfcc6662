package esdb

import (
	"bytes"
	"unicode/utf8"
)

// metadata makes maps of what the server says of an event: type, content type and time. The events of one append have the
// same, and share a map that nobody changes; those of others share texts.
type metadata struct {
	entries []entry           // of the event before, or of this one if it differs
	shared  map[string]string // of the event before
	same    int               // entries that this event has, too
	differs bool              // then entries are those of this event
}

type entry struct {
	encoded     []byte // the message, so that the same one is not read again
	name, value string
}

// begin is called before the entries of an event.
func (m *metadata) begin() {
	if m.differs { // the event before was given up
		m.entries, m.shared = m.entries[:0], nil
	}
	m.same, m.differs = 0, false
}

// add takes an entry, a message of name and value. It is false for one that is not plain.
func (m *metadata) add(b []byte) bool {
	if !m.differs && m.same < len(m.entries) && bytes.Equal(m.entries[m.same].encoded, b) {
		m.same++
		return true
	}
	encoded := b
	var name, value []byte
	for len(b) > 0 {
		var f field
		f, b = next(b)
		switch {
		case f.bytes == nil || !utf8.Valid(f.bytes):
			return false
		case f.number == 1:
			name = f.bytes
		case f.number == 2:
			value = f.bytes
		default:
			return false
		}
	}
	m.differ()
	m.entries = append(m.entries, entry{bytes.Clone(encoded), text(name), text(value)})
	return true
}

// differ makes the entries those of this event, as far as they came.
func (m *metadata) differ() {
	if !m.differs {
		m.entries, m.differs = m.entries[:m.same], true
	}
}

// end returns what was added since begin.
func (m *metadata) end() map[string]string {
	if m.same < len(m.entries) {
		m.differ()
		m.shared = make(map[string]string, len(m.entries))
		for _, e := range m.entries {
			m.shared[e.name] = e.value
		}
	}
	m.differs = false
	return m.shared
}

// text returns a text of metadata. Those that all events have take no memory.
func text(b []byte) string {
	for _, usual := range [...]string{"type", "content-type", "created", "application/json"} {
		if string(b) == usual {
			return usual
		}
	}
	return string(b)
}
