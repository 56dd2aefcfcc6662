package member

import "github.com/kdesk/client-secrets/domain"

// ErrStillActive keeps the personal data of whoever works here; the last owner is always active.
var ErrStillActive = domain.Refuse(domain.Conflict, "member_active", "the member is active: deactivate or remove them first")

// RequestErasure ends for ever what is known of the member with an id: names, addresses, and the reasons they gave. What
// they did stays recorded under that id, which is never used again. Requesting twice changes nothing.
func RequestErasure(s State, id string) ([]domain.Event, error) {
	switch {
	case s.Incarnation == 0:
		return nil, ErrNotFound
	case s.Erased:
		return nil, nil
	case s.Exists && s.Profile.Active:
		return nil, ErrStillActive
	}
	return []domain.Event{EraseRequested{ID: id}}, nil
}

// CompleteErasure tells that the member's key was destroyed. Completing twice changes nothing, nor does completing what
// nobody requested.
func CompleteErasure(s State, id string) ([]domain.Event, error) {
	if !s.Erased || s.KeyDestroyed {
		return nil, nil
	}
	return []domain.Event{Erased{ID: id}}, nil
}
