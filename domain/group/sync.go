package group

import "github.com/kdesk/client-secrets/domain"

// MaxMembers bounds a group.
const MaxMembers = 5000

// ErrNotFound refuses what is asked of a group nobody has told of.
var ErrNotFound = domain.Refuse(domain.NotFound, "group_not_found", "there is no such group")

// Sync takes over a group's name and members, whole. The event holds the members added and removed; the same group
// again changes nothing. A removed group returns as a new incarnation without members of its own.
func Sync(s State, id, name string, members []string) ([]domain.Event, error) {
	var p domain.Problems
	p.ForeignID("path.id", id)
	name = p.Name("body.name", name, domain.MaxName)
	members = p.IDSet("body.members", members, MaxMembers)
	if err := p.Err(); err != nil {
		return nil, err
	}
	e := Synced{
		ID: id, Incarnation: s.Incarnation, Name: domain.NewPrivate(name),
		Added: domain.Difference(members, s.Members), Removed: domain.Difference(s.Members, members),
	}
	switch {
	case !s.Exists:
		e.Incarnation++
	case s.Name.Text == name && e.Added == nil && e.Removed == nil:
		return nil, nil
	}
	return []domain.Event{e}, nil
}

// Remove ends a group with all its memberships. Removing twice changes nothing.
func Remove(s State) ([]domain.Event, error) {
	switch {
	case s.Incarnation == 0:
		return nil, ErrNotFound
	case !s.Exists:
		return nil, nil
	}
	return []domain.Event{Removed{ID: s.ID}}, nil
}
