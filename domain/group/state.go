package group

import (
	"fmt"
	"slices"

	"github.com/kdesk/client-secrets/domain"
)

// State is what decisions about a group read. Its zero value is a group nobody has told of. Evolve copies what it
// changes, so a State stays as it is.
type State struct {
	Exists      bool
	Incarnation int // 0 before the first sync; stays when removed
	ID          string
	Name        domain.Private
	Members     []string // sorted
}

// Forget returns the state without members who were removed from the workspace since they were told of. Their next
// incarnation inherits nothing; but a list that names it is news.
func (s State) Forget(gone []string) State {
	s.Members = domain.Difference(s.Members, domain.SortedSet(gone))
	return s
}

// Evolve returns the state after an event. It fails on an event that is not a group's.
func Evolve(s State, e domain.Event) (State, error) {
	switch e := e.(type) {
	case Synced:
		members := slices.Concat(domain.Difference(s.Members, domain.SortedSet(e.Removed)), e.Added)
		s = State{Exists: true, Incarnation: max(e.Incarnation, 1), ID: e.ID, Name: e.Name, Members: domain.SortedSet(members)}
	case Removed:
		s = State{Incarnation: s.Incarnation, ID: s.ID}
	default:
		return s, fmt.Errorf("a group has no %s", e.EventType())
	}
	return s, nil
}
