package domain

import (
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/google/uuid"
)

// Decisions are written with every reveal, into the log, the answer and the read model. What is here writes the bytes that
// encoding/json writes, without reflection.

// AppendText appends s as encoding/json writes it.
func AppendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			escaped, _ := json.Marshal(s) // strings never fail
			return append(b, escaped...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// AppendTexts appends a list, [] if it is empty.
func AppendTexts(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendText(b, s)
	}
	return append(b, ']')
}

// AppendID appends an id as encoding/json writes it.
func AppendID(b []byte, id uuid.UUID) []byte {
	b = append(b, '"')
	for i, part := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return append(b, '"')
}

// AppendOptional appends a field unless its text is empty. name is what stands before the text: comma, quoted name, colon.
func AppendOptional(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return AppendText(append(b, name...), s)
}

// AppendJSON appends the decision as encoding/json writes it.
func (d *Decision) AppendJSON(b []byte) []byte {
	b = strconv.AppendBool(append(b, `{"allowed":`...), d.Allowed)
	b = strconv.AppendInt(append(b, `,"policy_version":`...), int64(d.PolicyVersion), 10)
	b = AppendOptional(b, `,"code":`, d.Code)
	b = AppendOptional(b, `,"via":`, d.Via)
	b = AppendOptional(b, `,"rule":`, d.Rule)
	b = AppendOptional(b, `,"kind":`, d.Kind)
	b = AppendOptional(b, `,"target":`, d.Target)
	b = AppendOptional(b, `,"ticket":`, d.Ticket)
	b = AppendOptional(b, `,"contact":`, d.Contact)
	if d.Evidence == nil {
		return append(b, `,"evidence":null}`...)
	}
	b = append(b, `,"evidence":[`...)
	for i, e := range d.Evidence {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendText(append(b, `{"stream":`...), e.Stream)
		b = strconv.AppendUint(append(b, `,"revision":`...), e.Revision, 10)
		b = append(b, '}')
	}
	return append(b, `]}`...)
}
