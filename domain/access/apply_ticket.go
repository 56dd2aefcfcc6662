package access

import (
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	events "github.com/kdesk/client-secrets/domain/ticket"
)

func (x *Index) applyTicket(r domain.Recorded, stream uuid.UUID) error {
	s := x.space(r.Meta.Workspace)
	var id string
	switch e := r.Event.(type) {
	case events.Synced:
		id = e.ID
	case events.SyncIgnored:
		id = e.ID
	case events.Removed:
		id = e.ID
	default:
		return errUnknown
	}
	if err := checkDirectory(r, domain.TicketKind, id, stream, s.tickets.stream(id)); err != nil {
		return err
	}
	t := s.tickets.live(id)
	switch e := r.Event.(type) {
	case events.Synced:
		s.syncTicket(t, stream, r, e)
	case events.Removed:
		if t != nil {
			s.removeTicket(t)
		}
	}
	return nil
}

func (s *space) syncTicket(t *ticket, stream uuid.UUID, r domain.Recorded, e events.Synced) {
	if t != nil && t.Incarnation != incarnation(e.Incarnation) {
		s.removeTicket(t)
		t = nil
	}
	if t == nil {
		t = s.tickets.expect(e.ID)
		s.tickets.arrive(t, stream, e.Incarnation)
	}
	s.unindexTicket(t)
	t.Synced = s.markOf(r)
	t.Open = e.Status == events.Open
	t.Category = s.names.put(e.Category)
	t.Refs = make([]slot, 0, len(e.Assignees)+len(e.Followers)+len(e.Approvers)+len(e.Groups)+len(e.Contacts)+2)
	refer(t, assignee, &s.members, e.Assignees...)
	refer(t, follower, &s.members, e.Followers...)
	refer(t, creator, &s.members, e.CreatedBy)
	refer(t, approver, &s.members, e.Approvers...)
	refer(t, teams, &s.groups, e.Groups...)
	refer(t, contacts, &s.contacts, append([]string{e.Contact}, e.Contacts...)...)
	s.indexTicket(t)
}

// refer appends what the ticket names in its next part: each thing once, empty ids left out.
func refer[T any, P thing[T]](t *ticket, p part, things *table[T, P], ids ...string) {
	from := len(t.Refs)
	for _, id := range ids {
		if id == "" {
			continue
		}
		if at := things.expect(id).self().Slot; !slices.Contains(t.Refs[from:], at) {
			t.Refs = append(t.Refs, at)
		}
	}
	t.Ends[p] = uint32(len(t.Refs))
}

// indexTicket enters a ticket wherever lookups find it from.
func (s *space) indexTicket(t *ticket) {
	for _, at := range t.of(assignee) {
		if m := s.members.known(at); m != nil {
			m.assigned.add(t.Slot)
			change(s.assigned, assignment{at, t.Category, t.Open}, func(set *slots) { set.add(t.Slot) })
		}
	}
	for _, at := range t.of(contacts) {
		if c := s.contacts.known(at); c != nil {
			c.tickets.add(t.Slot)
		}
	}
	if len(t.secrets) > 0 {
		s.indexLinked(t)
	}
}

func (s *space) unindexTicket(t *ticket) {
	for _, at := range t.of(assignee) {
		if m := s.members.known(at); m != nil {
			m.assigned.remove(t.Slot)
			change(s.assigned, assignment{at, t.Category, t.Open}, func(set *slots) { set.remove(t.Slot) })
		}
	}
	for _, at := range t.of(contacts) {
		if c := s.contacts.known(at); c != nil {
			c.tickets.remove(t.Slot)
		}
	}
	if len(t.secrets) > 0 {
		s.unindexLinked(t)
	}
}

// indexLinked enters a ticket that has secrets with the members and groups it names.
func (s *space) indexLinked(t *ticket) {
	s.eachLinked(t, func(tickets *slots) { tickets.add(t.Slot) })
}

func (s *space) unindexLinked(t *ticket) {
	s.eachLinked(t, func(tickets *slots) { tickets.remove(t.Slot) })
}

func (s *space) eachLinked(t *ticket, do func(*slots)) {
	for p := assignee; p <= approver; p++ {
		for _, at := range t.of(p) {
			if m := s.members.known(at); m != nil {
				do(&m.linked)
			}
		}
	}
	for _, at := range t.of(teams) {
		if g := s.groups.known(at); g != nil {
			do(&g.linked)
		}
	}
}

// removeTicket ends an incarnation with its links.
func (s *space) removeTicket(t *ticket) {
	s.unindexTicket(t)
	for _, at := range t.secrets {
		s.secrets[at].Tickets = dropTie(s.secrets[at].Tickets, t.Slot)
	}
	s.tickets.remove(t)
}
