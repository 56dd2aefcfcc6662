package member

import (
	"slices"

	"github.com/kdesk/client-secrets/domain"
)

// ErrLastOwner keeps a workspace from losing its last owner.
var ErrLastOwner = domain.Refuse(domain.Conflict, "last_owner", "the last owner stays: make somebody else an owner first")

// SetPermissions makes the member's permissions exactly these. The event holds what is granted and what is revoked.
func SetPermissions(s State, permissions []domain.Permission) ([]domain.Event, error) {
	if !s.Exists {
		return nil, ErrNotFound
	}
	var p domain.Problems
	want := p.Permissions("body.permissions", permissions)
	if err := p.Err(); err != nil {
		return nil, err
	}
	e := PermissionsChanged{ID: s.Profile.ID, Granted: without(want, s.Permissions), Revoked: without(s.Permissions, want)}
	if e.Granted == nil && e.Revoked == nil {
		return nil, nil
	}
	return []domain.Event{e}, nil
}

func without(all, some []domain.Permission) (rest []domain.Permission) {
	for _, p := range all {
		if !slices.Contains(some, p) {
			rest = append(rest, p)
		}
	}
	return rest
}

// SetOwner makes the member an owner, or no longer one. otherOwners is how many other owners the workspace has.
func SetOwner(s State, owner bool, otherOwners int) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case s.Owner == owner:
		return nil, nil
	case !owner && otherOwners <= 0:
		return nil, ErrLastOwner
	}
	return []domain.Event{OwnershipChanged{ID: s.Profile.ID, Owner: owner}}, nil
}

// RelyOn records that another owner leaves because this one stays. It is refused unless this one is an active owner.
func RelyOn(s State, leaving string) ([]domain.Event, error) {
	if !s.Standing() || s.Profile.ID == leaving {
		return nil, ErrLastOwner
	}
	return []domain.Event{OwnershipReliedOn{ID: s.Profile.ID, Leaving: leaving}}, nil
}

// Remove takes the member out of the workspace. Removing twice changes nothing; the last owner stays.
func Remove(s State, otherOwners int) ([]domain.Event, error) {
	switch {
	case s.Incarnation == 0:
		return nil, ErrNotFound
	case !s.Exists:
		return nil, nil
	case s.Owner && otherOwners <= 0:
		return nil, ErrLastOwner
	}
	return []domain.Event{Removed{ID: s.Profile.ID}}, nil
}
