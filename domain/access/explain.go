package access

import (
	"encoding/hex"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
)

// Review is Decide, together with the flags that a reveal decided so bears (see the constants of package reveal).
func (x *Index) Review(r Request) (domain.Decision, []string) {
	v := x.judge(&r)
	return v.explain(), v.flags(r.Actor)
}

func (v *verdict) explain() domain.Decision {
	d := domain.Decision{Allowed: v.code == "", PolicyVersion: PolicyVersion, Code: v.code}
	if v.space == nil {
		d.Evidence = []domain.Evidence{}
		return d
	}
	e := evidence{list: make([]domain.Evidence, 0, 12)}
	v.citeSubject(&e)
	if v.secret != nil {
		v.citeSecret(&e)
	}
	if v.way.via != "" {
		w := v.space.describe(v.secret, &v.subject, &v.way, &e)
		d.Via, d.Kind, d.Target, d.Rule, d.Ticket, d.Contact = w.Via, w.Kind, w.Target, w.Rule, w.Ticket, w.Contact
	}
	if v.unlock != nil {
		e.cite(domain.VerificationKind, v.unlock.Stream, v.unlock.Fact)
	}
	d.Evidence = e.list
	return d
}

// citeSubject names the settings, who the actor is and what last gave or took the permission that was asked for.
func (v *verdict) citeSubject(e *evidence) {
	e.cite(domain.WorkspaceKind, v.space.id, v.space.settingsMark.Fact)
	if k := v.subject.key; k != nil {
		e.cite(domain.WorkspaceKind, v.space.id, k.Issued)
	}
	m := v.subject.member
	if m == nil {
		return
	}
	e.cite(domain.MemberKind, m.Stream, m.Synced.Fact)
	switch {
	case v.subject.owner:
		e.cite(domain.MemberKind, m.Stream, m.Ownership.Fact)
	case v.permission >= 0 && m.Changed != nil:
		e.cite(domain.MemberKind, m.Stream, m.Changed[v.permission].Fact)
	}
}

// citeSecret names the secret's creation, its state and, as far as a reveal looked at them, its expiration and value.
func (v *verdict) citeSecret(e *evidence) {
	own := v.secret.ID
	e.cite(domain.SecretKind, own, v.secret.Created)
	e.cite(domain.SecretKind, own, v.secret.State)
	e.cite(domain.SecretKind, own, v.secret.Ended)
	if v.field != nil {
		e.cite(domain.SecretKind, own, v.secret.Expiration)
		e.cite(domain.SecretKind, own, v.field.Fact)
	}
}

// Way is one way in to a secret, with the recorded facts it rests on. Its fields are those of domain.Decision.
type Way struct {
	Via      string            `json:"via"`
	Kind     string            `json:"kind,omitempty"`
	Target   string            `json:"target,omitempty"`
	Rule     string            `json:"rule,omitempty"`
	Ticket   string            `json:"ticket,omitempty"`
	Contact  string            `json:"contact,omitempty"`
	Evidence []domain.Evidence `json:"evidence"`
}

// describe puts a way in into words and names the facts that belong to it alone.
func (s *space) describe(sec *record, u *subject, w *way, e *evidence) Way {
	d := Way{Via: w.via}
	switch {
	case w.via == ViaOwner:
		e.cite(domain.MemberKind, u.member.Stream, u.member.Ownership.Fact)
	case w.via == ViaPermission && u.member != nil && u.member.Changed != nil:
		e.cite(domain.MemberKind, u.member.Stream, u.member.Changed[manage].Fact)
	case w.grant != nil:
		d.Kind, d.Target = string(grantNames[w.grant.Kind]), s.targetOf(w.grant)
		e.cite(domain.SecretKind, sec.ID, w.grant.Mark.Fact)
	case w.rule != nil:
		d.Kind, d.Rule = string(ruleKinds[w.rule.Kind]), w.rule.ID.String()
		e.cite(domain.SecretKind, sec.ID, w.rule.Mark.Fact)
	}
	if w.link != nil {
		e.cite(domain.SecretKind, sec.ID, w.link.Mark.Fact)
	}
	if w.ticket != nil {
		d.Ticket = w.ticket.ID
		e.cite(domain.TicketKind, w.ticket.Stream, w.ticket.Synced.Fact)
	}
	if w.contact != nil {
		d.Contact = w.contact.ID
		e.citeTie(domain.ContactKind, w.contact.Stream, w.contact.Synced.Fact, w.tie)
	}
	if w.group != nil {
		e.citeTie(domain.GroupKind, w.group.Stream, 0, w.tie)
	}
	return d
}

func (s *space) targetOf(g *grant) string {
	switch g.Kind {
	case toMember:
		return s.members.at(slot(g.Target)).ID
	case toGroup:
		return s.groups.at(slot(g.Target)).ID
	case toDivision:
		return s.names.text(name(g.Target))
	}
	return "all"
}

// evidence gathers recorded facts, each once, those of a stream one after the other.
type evidence struct {
	list []domain.Evidence
	of   [16]source // of what is in list, which is never longer: names are made once
}

type source struct {
	kind string
	id   uuid.UUID
}

func (e *evidence) cite(kind string, id uuid.UUID, f fact) {
	if f == 0 {
		return
	}
	stream, revision := "", uint64(f-1)
	at := len(e.list)
	for i := range min(len(e.list), len(e.of)) {
		if e.of[i] == (source{kind, id}) {
			stream, at = e.list[i].Stream, i+1
			if e.list[i].Revision == revision {
				return
			}
		}
	}
	if stream == "" {
		stream = streamName(kind, id)
	}
	if at < len(e.of) {
		copy(e.of[at+1:], e.of[at:])
		e.of[at] = source{kind, id}
	}
	e.list = slices.Insert(e.list, at, domain.Evidence{Stream: stream, Revision: revision})
}

// citeTie names the fact that tied the member to a group or contact; if nothing had to, another.
func (e *evidence) citeTie(kind string, id uuid.UUID, otherwise fact, t *tie) {
	if t != nil {
		otherwise = t.Mark.Fact
	}
	e.cite(kind, id, otherwise)
}

// streamName is domain.Stream in one allocation.
func streamName(kind string, id uuid.UUID) string {
	var room [64]byte
	b := append(append(room[:0], kind...), '-')
	for i, part := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return string(b)
}

// flags tells what an auditor should look at twice.
func (v *verdict) flags(by domain.Actor) []string {
	var flags []string
	if v.expired {
		flags = append(flags, reveal.FlagExpired)
	}
	if v.older {
		flags = append(flags, reveal.FlagOlderVersion)
	}
	if v.subject.member != nil && v.way.via != "" && v.selfGranted(by.ID) {
		flags = append(flags, reveal.FlagSelfGranted)
	}
	if v.subject.key != nil {
		flags = append(flags, reveal.FlagService)
	}
	return flags
}

// selfGranted tells whether the member wrote one of the facts that let him in: the assignment, rule or link, the sync of
// the ticket, group or contact it matched through, or his own ownership or permission.
func (v *verdict) selfGranted(id string) bool {
	w, m := &v.way, v.subject.member
	by, known := v.space.names.find(id)
	if !known {
		return false
	}
	marks := make([]mark, 0, 6)
	switch {
	case w.via == ViaOwner:
		marks = append(marks, m.Ownership)
	case w.via == ViaPermission && m.Changed != nil:
		marks = append(marks, m.Changed[manage])
	case w.grant != nil:
		marks = append(marks, w.grant.Mark)
		if w.grant.Kind == toDivision {
			marks = append(marks, m.Synced)
		}
	case w.rule != nil:
		marks = append(marks, w.rule.Mark)
	}
	if w.link != nil {
		marks = append(marks, w.link.Mark)
	}
	if w.ticket != nil {
		marks = append(marks, w.ticket.Synced)
	}
	if w.tie != nil {
		marks = append(marks, w.tie.Mark)
	}
	for _, k := range marks {
		if k.By == by {
			return true
		}
	}
	return false
}
