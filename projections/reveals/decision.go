package reveals

import (
	"encoding/binary"
	"errors"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// A decision is most of a row, and its JSON mostly names of fields and of streams. Packed, it takes a quarter of that: a byte that
// is 1 if it allows, the version of the policy (uvarint), the texts in the order of texts (each a uvarint of its length and that
// many bytes), and the evidence.
//
// Evidence names few streams, again and again, and each name is mostly the text of a UUID. Each fact is a length byte, that
// many bytes, and the revision (uvarint). A length of 0 repeats the stream of the fact before. Otherwise the bytes are the
// stream's kind and its UUID, 16 bytes; or, behind a length of plainName and another one (uvarint), a name that is made in
// another way.
const plainName = 255

var errPacked = errors.New("this is no packed decision")

// texts are those of a decision.
func texts(d *domain.Decision) [7]*string {
	return [...]*string{&d.Code, &d.Via, &d.Rule, &d.Kind, &d.Target, &d.Ticket, &d.Contact}
}

// packDecision appends the packed form of a decision.
func packDecision(b []byte, d *domain.Decision) []byte {
	allowed := byte(0)
	if d.Allowed {
		allowed = 1
	}
	b = binary.AppendUvarint(append(b, allowed), uint64(d.PolicyVersion))
	for _, text := range texts(d) {
		b = append(binary.AppendUvarint(b, uint64(len(*text))), *text...)
	}
	return packEvidence(b, d.Evidence)
}

// unpackDecision reads a packed form.
func unpackDecision(b []byte) (d domain.Decision, err error) {
	if len(b) == 0 || b[0] > 1 {
		return d, errPacked
	}
	d.Allowed = b[0] == 1
	version, n := binary.Uvarint(b[1:])
	if n <= 0 {
		return d, errPacked
	}
	d.PolicyVersion, b = int(version), b[1+n:]
	for _, text := range texts(&d) {
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return d, errPacked
		}
		b = b[n:]
		*text, b = string(b[:length]), b[length:]
	}
	d.Evidence, err = unpackEvidence([]domain.Evidence{}, b)
	return d, err
}

// packEvidence appends the packed form of facts.
func packEvidence(b []byte, facts []domain.Evidence) []byte {
	before := ""
	for i, f := range facts {
		if i > 0 && f.Stream == before {
			b = append(b, 0)
		} else {
			b = packStream(b, f.Stream)
		}
		before = f.Stream
		b = binary.AppendUvarint(b, f.Revision)
	}
	return b
}

func packStream(b []byte, stream string) []byte {
	kind := domain.StreamKind(stream)
	if id, err := domain.StreamID(stream); err == nil && kind != "" && len(kind)+len(id) < plainName && !hasUpper(stream) {
		b = append(append(b, byte(len(kind)+len(id))), kind...)
		return append(b, id[:]...)
	}
	b = binary.AppendUvarint(append(b, plainName), uint64(len(stream)))
	return append(b, stream...)
}

// hasUpper tells whether a UUID is not written in lower case, as it would be read back. For these few bytes strings.ContainsAny
// takes as long as parsing them.
func hasUpper(stream string) bool {
	for _, c := range []byte(stream) {
		if 'A' <= c && c <= 'F' {
			return true
		}
	}
	return false
}

// unpackEvidence appends the facts of a packed form.
func unpackEvidence(facts []domain.Evidence, b []byte) ([]domain.Evidence, error) {
	stream := ""
	for len(b) > 0 {
		length := uint64(b[0])
		plain := length == plainName
		if b = b[1:]; plain {
			var n int
			if length, n = binary.Uvarint(b); n <= 0 {
				return nil, errPacked
			}
			b = b[n:]
		}
		if length > uint64(len(b)) || !plain && length > 0 && length < 16 {
			return nil, errPacked
		}
		switch name := b[:length]; {
		case plain:
			stream = string(name)
		case length > 0:
			stream = domain.Stream(string(name[:length-16]), uuid.UUID(name[length-16:]))
		}
		revision, n := binary.Uvarint(b[length:])
		if n <= 0 {
			return nil, errPacked
		}
		b = b[int(length)+n:]
		facts = append(facts, domain.Evidence{Stream: stream, Revision: revision})
	}
	return facts, nil
}
