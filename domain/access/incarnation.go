package access

import (
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// Incarnation returns which incarnation of a directory thing is there now, by its kind (domain.MemberKind, GroupKind,
// ContactKind or TicketKind) and id; false if none is.
func (x *Index) Incarnation(ws uuid.UUID, kind, id string) (int, bool) {
	s := x.spaces[ws]
	if s == nil {
		return 0, false
	}
	switch kind {
	case domain.MemberKind:
		return s.members.incarnation(id)
	case domain.GroupKind:
		return s.groups.incarnation(id)
	case domain.ContactKind:
		return s.contacts.incarnation(id)
	case domain.TicketKind:
		return s.tickets.incarnation(id)
	}
	return 0, false
}

func (t *table[T, P]) incarnation(id string) (int, bool) {
	p := t.live(id)
	if p == nil {
		return 0, false
	}
	return p.self().Incarnation, true
}
