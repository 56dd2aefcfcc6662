package secret

import (
	"time"

	"github.com/kdesk/client-secrets/domain"
)

// PlaceHold puts the secret under legal hold: it cannot be destroyed. Another reason replaces the one before; the same
// changes nothing.
func PlaceHold(s State, reason string) ([]domain.Event, error) {
	if !s.Exists {
		return nil, ErrNotFound
	}
	var p domain.Problems
	reason = p.Text("body.reason", reason, domain.MaxLong)
	if reason == "" && p.Err() == nil {
		p.AddError("body.reason", domain.ErrTextRequired)
	}
	switch err := p.Err(); {
	case err != nil:
		return nil, err
	case s.Held && s.HoldReason.Text == reason:
		return nil, nil
	}
	return []domain.Event{HoldPlaced{Reason: domain.NewPrivate(reason)}}, nil
}

// ReleaseHold ends a legal hold, perhaps with a reason. Releasing twice changes nothing.
func ReleaseHold(s State, reason string) ([]domain.Event, error) {
	if !s.Exists {
		return nil, ErrNotFound
	}
	var p domain.Problems
	reason = p.Text("body.reason", reason, domain.MaxLong)
	switch err := p.Err(); {
	case err != nil:
		return nil, err
	case !s.Held:
		return nil, nil
	}
	return []domain.Event{HoldReleased{Reason: domain.NewPrivate(reason)}}, nil
}

// RequestDestruction ends the secret for good: from then on it counts as one that does not exist. confirm is its name,
// as whoever asks has typed it. Not under legal hold. Requesting twice changes nothing.
func RequestDestruction(s State, confirm string) ([]domain.Event, error) {
	switch {
	case s.Destruction != NotDestroyed:
		return nil, nil
	case !s.Exists:
		return nil, ErrNotFound
	case s.Held:
		return nil, ErrOnHold
	case confirm != s.Name.Text:
		return nil, ErrNotConfirmed
	}
	return []domain.Event{DestroyRequested{}}, nil
}

// CompleteDestruction tells that the secret's key and ciphertexts were deleted. complete is when the last backup of the
// key is gone too. Completing twice changes nothing, nor does completing what nobody requested.
func CompleteDestruction(s State, complete time.Time) ([]domain.Event, error) {
	if s.Destruction != DestructionRequested {
		return nil, nil
	}
	return []domain.Event{Destroyed{CompleteAt: domain.Millis(complete)}}, nil
}
