package domain

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// Decisions are written with every reveal, into the log and into the answer. What is here writes JSON as
// encoding/json would, without reflection.

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

// AppendJSON appends the decision as the log has it.
func (d *Decision) AppendJSON(b []byte) []byte {
	b = d.appendWay(b)
	if d.Evidence == nil {
		return append(b, `null}`...)
	}
	b = append(b, '{')
	for i, e := range d.Evidence {
		if slices.ContainsFunc(d.Evidence[:i], func(before Evidence) bool { return before.Stream == e.Stream }) {
			continue
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendText(b, e.Stream), `:[`...)
		b = strconv.AppendUint(b, e.Revision, 10)
		for _, more := range d.Evidence[i+1:] {
			if more.Stream == e.Stream {
				b = strconv.AppendUint(append(b, ','), more.Revision, 10)
			}
		}
		b = append(b, ']')
	}
	return append(b, `}}`...)
}

// AppendJSON appends the explanation as encoding/json writes it.
func (d *Explanation) AppendJSON(b []byte) []byte {
	b = (*Decision)(d).appendWay(b)
	if d.Evidence == nil {
		return append(b, `null}`...)
	}
	b = append(b, '[')
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

// appendWay appends everything but the evidence.
func (d *Decision) appendWay(b []byte) []byte {
	b = strconv.AppendBool(append(b, `{"allowed":`...), d.Allowed)
	b = strconv.AppendInt(append(b, `,"policy_version":`...), int64(d.PolicyVersion), 10)
	b = AppendOptional(b, `,"code":`, d.Code)
	b = AppendOptional(b, `,"via":`, d.Via)
	b = AppendOptional(b, `,"rule":`, d.Rule)
	b = AppendOptional(b, `,"kind":`, d.Kind)
	b = AppendOptional(b, `,"target":`, d.Target)
	b = AppendOptional(b, `,"ticket":`, d.Ticket)
	b = AppendOptional(b, `,"contact":`, d.Contact)
	return append(b, `,"evidence":`...)
}
