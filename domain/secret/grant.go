package secret

import (
	"slices"

	"github.com/kdesk/client-secrets/domain"
)

// Grant assigns the secret to those whom a names. Granting twice changes nothing.
func Grant(s State, a Assignment) ([]domain.Event, error) {
	if !s.Exists {
		return nil, ErrNotFound
	}
	var p domain.Problems
	a = a.check(&p, "path")
	switch err := p.Err(); {
	case err != nil:
		return nil, err
	case slices.ContainsFunc(s.Assignments, func(h Assignment) bool { return h.covers(a) }):
		return nil, nil
	case len(without(s.Assignments, a.sameTarget)) >= MaxAssignments:
		return nil, ErrTooManyAssignments
	}
	return []domain.Event{AccessGranted(a)}, nil
}

// Revoke ends an assignment. Revoking one that is not there changes nothing.
func Revoke(s State, kind AssignmentKind, target string) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !slices.ContainsFunc(s.Assignments, Assignment{Kind: kind, Target: target}.sameTarget):
		return nil, nil
	}
	return []domain.Event{AccessRevoked{Kind: kind, Target: target}}, nil
}
