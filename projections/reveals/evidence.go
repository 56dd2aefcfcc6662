package reveals

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// Evidence names few streams, again and again, and each name is mostly the text of a UUID. Packed, it takes a fifth of
// its JSON. Each fact is a length byte, that many bytes, and the revision (uvarint). A length of 0 repeats the stream of
// the fact before. Otherwise the bytes are the stream's kind and its UUID, 16 bytes; or, behind a length of plainName and
// another one (uvarint), a name that is made in another way.
const plainName = 255

// appendDecision appends the JSON of a decision, whose list of evidence is left empty: that is packed apart.
func appendDecision(b []byte, d domain.Decision) []byte {
	d.Evidence = noEvidence
	return (*domain.Explanation)(&d).AppendJSON(b)
}

var noEvidence = []domain.Evidence{}

// readDecision reads a decision and its evidence.
func readDecision(decision, evidence []byte) (d domain.Explanation, err error) {
	if err := json.Unmarshal(decision, &d); err != nil {
		return d, fmt.Errorf("reading a decision: %w", err)
	}
	if d.Evidence, err = unpackEvidence(d.Evidence, evidence); err != nil {
		return d, fmt.Errorf("reading the evidence of a decision: %w", err)
	}
	return d, nil
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
	// A UUID is written in lower case; one that is not would read back differently.
	if id, err := domain.StreamID(stream); err == nil && kind != "" && len(kind)+len(id) < plainName && !strings.ContainsAny(stream, "ABCDEF") {
		b = append(append(b, byte(len(kind)+len(id))), kind...)
		return append(b, id[:]...)
	}
	b = binary.AppendUvarint(append(b, plainName), uint64(len(stream)))
	return append(b, stream...)
}

var errPacked = errors.New("this is no packed evidence")

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
