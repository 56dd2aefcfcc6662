package secret

import (
	"slices"

	"github.com/kdesk/client-secrets/domain"
)

// Related is a ticket or contact of a secret, in the incarnation that it was related in.
type Related struct {
	ID          string // "source:id"
	Incarnation int    // 0 if it is not known
}

// covers tells whether having r makes b nothing new. A thing that was removed and came back is another one: a relation
// to it is asked for anew.
func (r Related) covers(b Related) bool {
	return r.ID == b.ID && (b.Incarnation == 0 || r.Incarnation == b.Incarnation)
}

func relatedID(id string) func(Related) bool { return func(r Related) bool { return r.ID == id } }

// LinkTicket relates a ticket. Linking twice changes nothing.
func LinkTicket(s State, t Related) ([]domain.Event, error) {
	add, err := s.relate(s.Tickets, t, "path.ticket", ErrTooManyTickets)
	if err != nil || !add {
		return nil, err
	}
	return []domain.Event{TicketLinked{Ticket: t.ID, Incarnation: t.Incarnation}}, nil
}

// UnlinkTicket ends that. Unlinking a ticket that is not linked changes nothing.
func UnlinkTicket(s State, ticket string) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !slices.ContainsFunc(s.Tickets, relatedID(ticket)):
		return nil, nil
	}
	return []domain.Event{TicketUnlinked{Ticket: ticket}}, nil
}

// RelateContact relates a contact. Relating twice changes nothing.
func RelateContact(s State, c Related) ([]domain.Event, error) {
	add, err := s.relate(s.Contacts, c, "path.contact", ErrTooManyContacts)
	if err != nil || !add {
		return nil, err
	}
	return []domain.Event{ContactRelated{Contact: c.ID, Incarnation: c.Incarnation}}, nil
}

// UnrelateContact ends that. Ending what is not there changes nothing.
func UnrelateContact(s State, contact string) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !slices.ContainsFunc(s.Contacts, relatedID(contact)):
		return nil, nil
	}
	return []domain.Event{ContactUnrelated{Contact: contact}}, nil
}

// relate tells whether a relation is new.
func (s State) relate(have []Related, r Related, at string, full *domain.Error) (add bool, err error) {
	var p domain.Problems
	p.ForeignID(at, r.ID)
	switch err := p.Err(); {
	case !s.Exists:
		return false, ErrNotFound
	case err != nil:
		return false, err
	case slices.ContainsFunc(have, func(h Related) bool { return h.covers(r) }):
		return false, nil
	case len(without(have, relatedID(r.ID))) >= MaxRelated:
		return false, full
	}
	return true, nil
}
