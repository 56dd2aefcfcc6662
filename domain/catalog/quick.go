package catalog

import (
	"encoding/json"
	"fmt"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
)

// Most events of a log are reveals, and every event has metadata: those are read by scanner.

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
	s.must(`,"evidence":[`)
	d.Evidence = make([]domain.Evidence, 0, 4)
	for s.has(`{"stream":`) {
		e := domain.Evidence{Stream: s.text()}
		s.must(`,"revision":`)
		e.Revision = s.number()
		s.must(`}`)
		d.Evidence = append(d.Evidence, e)
		if !s.has(`,`) {
			break
		}
	}
	s.must(`]}`)
}
