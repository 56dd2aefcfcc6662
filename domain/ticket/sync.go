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

// RemoveAt ends the ticket with an id as its source says, at a source version: older facts that arrive later do not bring it
// back, even if nobody had told of it before. A removal that is older than what is known is recorded as ignored.
func RemoveAt(s State, id, version string) ([]domain.Event, error) {
	last := s.Facts
	switch {
	case domain.OlderVersion(version, s.SourceVersion):
		return ignore(s, Facts{ID: id, SourceVersion: version}), nil
	case s.Incarnation > 0 && !s.Exists:
		return nil, nil
	case !s.Exists:
		last = Facts{ID: id, Status: Closed}
	}
	last.SourceVersion = version
	events, err := Sync(s, last)
	if err != nil {
		return nil, err
	}
	return append(events, Removed{ID: id}), nil
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
