package contact

import (
	"fmt"
	"slices"

	"github.com/kdesk/client-secrets/domain"
)

// State is what decisions about a contact read. Its zero value is a contact nobody has told of. Evolve copies what it
// changes, so a State stays as it is.
type State struct {
	Exists        bool
	Incarnation   int // 0 before the first sync; stays when removed
	SourceVersion string
	Profile       Profile // with the owners sorted
	Erased        bool    // for ever, from the request on: the key of the contact's personal data goes
	KeyDestroyed  bool    // it is gone
}

// Forget returns the state without owners who were removed from the workspace since they were told of. Their next
// incarnation inherits nothing; but a list that names it is news.
func (s State) Forget(gone []string) State {
	s.Profile.Owners = domain.Difference(s.Profile.Owners, domain.SortedSet(gone))
	return s
}

// Evolve returns the state after an event. It fails on an event that is not a contact's.
func Evolve(s State, e domain.Event) (State, error) {
	switch e := e.(type) {
	case Synced:
		owners := slices.Concat(domain.Difference(s.Profile.Owners, domain.SortedSet(e.OwnersRemoved)), e.OwnersAdded)
		s.Exists, s.Incarnation = true, e.Incarnation
		s.SourceVersion = domain.NewestVersion(s.SourceVersion, e.SourceVersion)
		s.Profile = Profile{
			ID: e.ID, SourceVersion: e.SourceVersion, Name: e.Name.Text, Company: e.Company.Text, Email: e.Email.Text,
			Owners: domain.SortedSet(owners),
		}
	case Removed:
		s = State{
			Incarnation: s.Incarnation, SourceVersion: s.SourceVersion, Profile: Profile{ID: s.Profile.ID}, Erased: s.Erased,
			KeyDestroyed: s.KeyDestroyed,
		}
	case EraseRequested:
		s.Erased = true
	case Erased:
		s.Erased, s.KeyDestroyed = true, true
	default:
		return s, fmt.Errorf("a contact has no %s", e.EventType())
	}
	return s, nil
}
