package access

import (
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	contactevents "github.com/kdesk/client-secrets/domain/contact"
	groupevents "github.com/kdesk/client-secrets/domain/group"
)

func (x *Index) applyGroup(r domain.Recorded, stream uuid.UUID) error {
	s := x.space(r.Meta.Workspace)
	switch e := r.Event.(type) {
	case groupevents.Synced:
		if err := checkDirectory(r, domain.GroupKind, e.ID, stream, s.groups.stream(e.ID)); err != nil {
			return err
		}
		s.syncGroup(stream, r, e)
	case groupevents.Removed:
		if err := checkDirectory(r, domain.GroupKind, e.ID, stream, s.groups.stream(e.ID)); err != nil {
			return err
		}
		if g := s.groups.live(e.ID); g != nil {
			s.removeGroup(g)
		}
	default:
		return errUnknown
	}
	return nil
}

func (s *space) syncGroup(stream uuid.UUID, r domain.Recorded, e groupevents.Synced) {
	if g := s.groups.live(e.ID); g != nil && g.Incarnation != incarnation(e.Incarnation) {
		s.removeGroup(g)
	}
	g := s.groups.expect(e.ID)
	s.groups.arrive(g, stream, e.Incarnation)
	g.Synced = s.markOf(r)
	for _, id := range e.Removed {
		if m := s.members.known(s.members.current[id]); m != nil {
			g.Members = untie(g.Members, m.Slot)
			m.groups.remove(g.Slot)
		}
	}
	for _, id := range e.Added {
		m := s.members.expect(id)
		g.Members = tied(g.Members, tie{m.Slot, g.Synced})
		m.groups.add(g.Slot)
	}
}

func (s *space) removeGroup(g *group) {
	for _, t := range g.Members {
		s.members.known(t.To).groups.remove(g.Slot)
	}
	for _, at := range g.secrets {
		s.secrets[at].dropGrants(toGroup, uint32(g.Slot))
	}
	s.groups.remove(g)
}

func (x *Index) applyContact(r domain.Recorded, stream uuid.UUID) error {
	s := x.space(r.Meta.Workspace)
	var id string
	switch e := r.Event.(type) {
	case contactevents.Synced:
		id = e.ID
	case contactevents.Removed:
		id = e.ID
	case contactevents.EraseRequested:
		id = e.ID
	case contactevents.Erased:
		id = e.ID
	default:
		return errUnknown
	}
	if err := checkDirectory(r, domain.ContactKind, id, stream, s.contacts.stream(id)); err != nil {
		return err
	}
	switch e := r.Event.(type) {
	case contactevents.Synced:
		s.syncContact(stream, r, e)
	case contactevents.Removed:
		if c := s.contacts.live(id); c != nil {
			s.removeContact(c)
		}
	}
	return nil
}

func (s *space) syncContact(stream uuid.UUID, r domain.Recorded, e contactevents.Synced) {
	if c := s.contacts.live(e.ID); c != nil && c.Incarnation != incarnation(e.Incarnation) {
		s.removeContact(c)
	}
	c := s.contacts.expect(e.ID)
	s.contacts.arrive(c, stream, e.Incarnation)
	c.Synced = s.markOf(r)
	for _, id := range e.OwnersRemoved {
		if m := s.members.known(s.members.current[id]); m != nil {
			c.Owners = untie(c.Owners, m.Slot)
			m.contacts.remove(c.Slot)
		}
	}
	for _, id := range e.OwnersAdded {
		m := s.members.expect(id)
		c.Owners = tied(c.Owners, tie{m.Slot, c.Synced})
		m.contacts.add(c.Slot)
	}
}

// removeContact ends an incarnation and everything that named it, save for tickets: those name its slot for nothing.
func (s *space) removeContact(c *contact) {
	for _, t := range c.Owners {
		s.members.known(t.To).contacts.remove(c.Slot)
	}
	for _, at := range c.secrets {
		s.secrets[at].Contacts = dropTie(s.secrets[at].Contacts, c.Slot)
	}
	s.contacts.remove(c)
}

func compareTie(t tie, to slot) int { return int(t.To) - int(to) }

// tied returns ties in ascending order with one more. One that is there already stays as it was.
func tied(ties []tie, t tie) []tie {
	i, found := slices.BinarySearchFunc(ties, t.To, compareTie)
	if found {
		return ties
	}
	return slices.Insert(ties, i, t)
}

func untie(ties []tie, to slot) []tie {
	if i, found := slices.BinarySearchFunc(ties, to, compareTie); found {
		return slices.Delete(ties, i, i+1)
	}
	return ties
}

// findTie returns the tie to a thing among ties in ascending order; nil if there is none.
func findTie(ties []tie, to slot) *tie {
	if i, found := slices.BinarySearchFunc(ties, to, compareTie); found {
		return &ties[i]
	}
	return nil
}

// dropTie returns ties in any order without the one to a thing.
func dropTie(ties []tie, to slot) []tie {
	return slices.DeleteFunc(ties, func(t tie) bool { return t.To == to })
}
