package catalog

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
)

// Most events of a log are reveals, and every event has metadata: those are read by scanner, and written without
// reflection.

// MarshalMeta writes an event's metadata as encoding/json does.
func MarshalMeta(m domain.Meta) []byte {
	b := make([]byte, 0, 384)
	b = appendID(b, `{"workspace":`, m.Workspace)
	b = domain.AppendText(append(b, `,"actor":{"kind":`...), string(m.Actor.Kind))
	b = domain.AppendOptional(b, `,"id":`, m.Actor.ID)
	b = domain.AppendOptional(b, `,"session":`, m.Actor.Session)
	b = appendID(b, `},"correlation":`, m.Correlation)
	if m.Causation != uuid.Nil {
		b = appendID(b, `,"causation":`, m.Causation)
	}
	b = appendID(b, `,"command":`, m.Command)
	return append(b, '}')
}

func appendID(b []byte, name string, id uuid.UUID) []byte {
	return domain.AppendID(append(b, name...), id)
}

// appendRevealed writes a reveal whose private text is sealed. It is false for one that is not.
func appendRevealed(b []byte, v *reveal.FieldRevealed) ([]byte, bool) {
	if v.Reason.Sealed() == nil && v.Reason.Text != "" {
		return nil, false
	}
	b = appendID(b, `{"secret":`, v.Secret)
	b = domain.AppendText(append(b, `,"field":`...), v.Field)
	b = strconv.AppendInt(append(b, `,"value_version":`...), int64(v.ValueVersion), 10)
	b = domain.AppendText(append(b, `,"member":`...), v.Member)
	b = domain.AppendOptional(b, `,"ticket":`, v.Ticket)
	b = append(b, `,"reason":`...)
	if sealed := v.Reason.Sealed(); sealed == nil {
		b = append(b, `null`...)
	} else {
		b = append(base64.StdEncoding.AppendEncode(append(b, '"'), sealed), '"')
	}
	b = v.Decision.AppendJSON(append(b, `,"decision":`...))
	if len(v.Flags) > 0 {
		b = domain.AppendTexts(append(b, `,"flags":`...), v.Flags)
	}
	if v.RetryOf != uuid.Nil {
		b = appendID(b, `,"retry_of":`, v.RetryOf)
	}
	if v.Confirmed {
		b = append(b, `,"confirmed":true`...)
	}
	return append(b, '}'), true
}

// UnmarshalMeta reads an event's metadata.
func UnmarshalMeta(data []byte) (m domain.Meta, err error) {
	if scan(data, func(s *scanner) { readMeta(s, &m) }) {
		return m, nil
	}
	m = domain.Meta{}
	if err := json.Unmarshal(data, &m); err != nil {
		return domain.Meta{}, fmt.Errorf("reading metadata: %w", err)
	}
	return m, nil
}

func readMeta(s *scanner, m *domain.Meta) {
	s.must(`{"workspace":`)
	m.Workspace = s.uuid()
	s.must(`,"actor":{"kind":`)
	m.Actor.Kind = domain.ActorKind(s.text())
	m.Actor.ID = s.optional(`,"id":`)
	m.Actor.Session = s.optional(`,"session":`)
	s.must(`},"correlation":`)
	m.Correlation = s.uuid()
	if s.has(`,"causation":`) {
		m.Causation = s.uuid()
	}
	s.must(`,"command":`)
	m.Command = s.uuid()
	s.must(`}`)
}

func readRevealed(s *scanner, v *reveal.FieldRevealed) {
	s.must(`{"secret":`)
	v.Secret = s.uuid()
	s.must(`,"field":`)
	v.Field = s.text()
	s.must(`,"value_version":`)
	v.ValueVersion = int(s.number())
	s.must(`,"member":`)
	v.Member = s.text()
	v.Ticket = s.optional(`,"ticket":`)
	s.must(`,"reason":`)
	v.Reason = s.sealed()
	s.must(`,"decision":`)
	readDecision(s, &v.Decision)
	if s.has(`,"flags":`) {
		v.Flags = s.texts()
	}
	if s.has(`,"retry_of":`) {
		v.RetryOf = s.uuid()
	}
	if s.has(`,"confirmed":`) {
		v.Confirmed = s.truth()
	}
	s.must(`}`)
}

func readDecision(s *scanner, d *domain.Decision) {
	s.must(`{"allowed":`)
	d.Allowed = s.truth()
	s.must(`,"policy_version":`)
	d.PolicyVersion = int(s.number())
	d.Code = s.optional(`,"code":`)
	d.Via = s.optional(`,"via":`)
	d.Rule = s.optional(`,"rule":`)
	d.Kind = s.optional(`,"kind":`)
	d.Target = s.optional(`,"target":`)
	d.Ticket = s.optional(`,"ticket":`)
	d.Contact = s.optional(`,"contact":`)
	s.must(`,"evidence":`)
	d.Evidence = readEvidence(s)
	s.must(`}`)
}

func readEvidence(s *scanner) []domain.Evidence {
	facts := make([]domain.Evidence, 0, 6)
	if s.has(`[`) {
		return readEvidenceList(s, facts)
	}
	s.must(`{`)
	for !s.has(`}`) && !s.off {
		if len(facts) > 0 {
			s.must(`,`)
		}
		stream := s.text()
		s.must(`:[`)
		for more := true; more; more = s.has(`,`) {
			facts = append(facts, domain.Evidence{Stream: stream, Revision: s.number()})
		}
		s.must(`]`)
	}
	return facts
}

// readEvidenceList reads on in the form that logs had before.
func readEvidenceList(s *scanner, facts []domain.Evidence) []domain.Evidence {
	stream := ""
	for !s.has(`]`) && !s.off {
		if len(facts) > 0 {
			s.must(`,`)
		}
		s.must(`{"stream":`)
		stream = s.again(stream)
		s.must(`,"revision":`)
		facts = append(facts, domain.Evidence{Stream: stream, Revision: s.number()})
		s.must(`}`)
	}
	return facts
}
