package contact

import "github.com/kdesk/client-secrets/domain"

// RequestErasure ends for ever what is known of the contact with an id. What they are related to stays recorded under
// that id, which is never told of again. Requesting twice changes nothing.
func RequestErasure(s State, id string) ([]domain.Event, error) {
	switch {
	case s.Incarnation == 0:
		return nil, ErrNotFound
	case s.Erased:
		return nil, nil
	}
	return []domain.Event{EraseRequested{ID: id}}, nil
}

// CompleteErasure tells that the contact's key was destroyed. Completing twice changes nothing, nor does completing what
// nobody requested.
func CompleteErasure(s State, id string) ([]domain.Event, error) {
	if !s.Erased || s.KeyDestroyed {
		return nil, nil
	}
	return []domain.Event{Erased{ID: id}}, nil
}
