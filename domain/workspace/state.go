package workspace

import (
	"fmt"
	"maps"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// State is what decisions about a workspace read. Its zero value is a workspace that was never opened. Evolve copies
// what it changes, so a State stays as it is.
type State struct {
	Exists   bool
	Name     domain.Private
	Owner    string // the first owner; ownership now is the members' own fact
	Settings Settings
	Keys     map[uuid.UUID]APIKey
	Sources  map[Source]uuid.UUID // the configuration of each helpdesk that is let in
	Epoch    int                  // the newest key epoch; 0 if none was opened since the first
	Retired  int                  // the newest one that nothing is wrapped under any more; epochs are retired in order
}

// APIKey is a service account's key as decisions see it.
type APIKey struct {
	Revoked bool
}

// Evolve returns the state after an event. It fails on an event that is not a workspace's.
func Evolve(s State, e domain.Event) (State, error) {
	switch e := e.(type) {
	case Opened:
		s.Exists, s.Name, s.Owner, s.Settings = true, e.Name, e.Owner, Defaults()
	case SettingsChanged:
		s.Settings = s.Settings.With(e)
	case APIKeyIssued:
		s.Keys = with(s.Keys, e.KeyID, APIKey{})
	case APIKeyRevoked:
		s.Keys = with(s.Keys, e.KeyID, APIKey{Revoked: true})
	case SourceConfigured:
		s.Sources = with(s.Sources, e.Source, e.ID)
	case SourceRemoved:
		s.Sources = with(s.Sources, e.Source, uuid.Nil)
	case KeyEpochOpened:
		s.Epoch = max(s.Epoch, e.Epoch)
	case KeyEpochRetired:
		s.Retired = max(s.Retired, e.Epoch)
	default:
		return s, fmt.Errorf("a workspace has no %s", e.EventType())
	}
	return s, nil
}

// with returns a copy of m in which key has a value.
func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	m = maps.Clone(m)
	if m == nil {
		m = map[K]V{}
	}
	m[key] = value
	return m
}
