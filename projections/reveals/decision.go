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
		b = packText(b, *text)
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
		if *text, b, err = unpackText(b); err != nil {
			return d, err
		}
	}
	d.Evidence, err = unpackEvidence(b)
	return d, err
}

func packText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func unpackText(b []byte) (text string, rest []byte, err error) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return "", nil, errPacked
	}
	b = b[n:]
	return string(b[:length]), b[length:], nil
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
	return packText(append(b, plainName), stream)
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

// unpackEvidence returns the facts of a packed form.
func unpackEvidence(b []byte) (facts []domain.Evidence, err error) {
	facts = []domain.Evidence{}
	for stream := ""; len(b) > 0; {
		length := int(b[0])
		switch b = b[1:]; {
		case length == plainName:
			if stream, b, err = unpackText(b); err != nil {
				return nil, err
			}
		case length > len(b) || length > 0 && length < len(uuid.UUID{}):
			return nil, errPacked
		case length > 0:
			kind := length - len(uuid.UUID{})
			stream = domain.Stream(string(b[:kind]), uuid.UUID(b[kind:length]))
			b = b[length:]
		}
		revision, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errPacked
		}
		b = b[n:]
		facts = append(facts, domain.Evidence{Stream: stream, Revision: revision})
	}
	return facts, nil
}
