package secret

import (
	"time"

	"github.com/kdesk/client-secrets/domain"
)

// Describe gives the secret a name and a description. The same again changes nothing.
func Describe(s State, name, description string) ([]domain.Event, error) {
	if !s.Exists {
		return nil, ErrNotFound
	}
	var p domain.Problems
	name = p.Name("body.name", name, domain.MaxName)
	description = p.Text("body.description", description, domain.MaxLong)
	switch err := p.Err(); {
	case err != nil:
		return nil, err
	case s.Name.Text == name && s.Description.Text == description:
		return nil, nil
	}
	return []domain.Event{Described{Name: domain.NewPrivate(name), Description: domain.NewPrivate(description)}}, nil
}

// Activate makes the secret usable again. Activating twice changes nothing.
func Activate(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case s.Active:
		return nil, nil
	}
	return []domain.Event{Activated{}}, nil
}

// Deactivate hides the secret from everyone but its managers. Deactivating twice changes nothing.
func Deactivate(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !s.Active:
		return nil, nil
	}
	return []domain.Event{Deactivated{}}, nil
}

// SetExpiration sets when the secret's values should be replaced, in the future; nil is never. The same again changes
// nothing, also after it has passed.
func SetExpiration(s State, at *time.Time, now time.Time) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case at == nil && s.ExpiresAt == nil:
		return nil, nil
	case at == nil:
		return []domain.Event{ExpirationCleared{}}, nil
	case s.ExpiresAt != nil && s.ExpiresAt.Equal(domain.Millis(*at)):
		return nil, nil
	}
	var p domain.Problems
	t, err := domain.CheckExpiry(*at, now)
	p.AddError("body.expires_at", err)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return []domain.Event{ExpirationSet{ExpiresAt: t}}, nil
}
