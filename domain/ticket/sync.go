package ticket

import (
	"github.com/kdesk/client-secrets/domain"
)

// ErrNotFound refuses what is asked of a ticket nobody has told of.
var ErrNotFound = domain.Refuse(domain.NotFound, "ticket_not_found", "there is no such ticket")

// Sync takes over what the helpdesk says of a ticket, whole. The same facts again change nothing. Facts with an older
// source version than is known are recorded as ignored, once. A removed ticket returns as a new incarnation.
func Sync(s State, f Facts) ([]domain.Event, error) {
	f, err := check(f)
	switch {
	case err != nil:
		return nil, err
	case domain.OlderVersion(f.SourceVersion, s.SourceVersion):
		return ignore(s, f), nil
	case s.Exists && s.Facts.same(f):
		return nil, nil
	}
	incarnation := s.Incarnation
	if !s.Exists {
		incarnation++
	}
	return []domain.Event{f.synced(incarnation)}, nil
}

func ignore(s State, f Facts) []domain.Event {
	if s.Ignored == f.SourceVersion {
		return nil
	}
	return []domain.Event{SyncIgnored{ID: f.ID, SourceVersion: f.SourceVersion}}
}

// Remove ends a ticket. Removing twice changes nothing.
func Remove(s State) ([]domain.Event, error) {
	switch {
	case s.Incarnation == 0:
		return nil, ErrNotFound
	case !s.Exists:
		return nil, nil
	}
	return []domain.Event{Removed{ID: s.Facts.ID}}, nil
}
