package secret

import (
	"errors"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// SetValue gives a field a value that is in the vault already. version is the one that its ciphertext is bound to:
// NextVersion of the state that the caller read before. If the field has moved on since, the refusal is
// ErrValueChanged and the value must be encrypted anew. The very same content again changes nothing; whether two
// contents are equal inside cannot be told. Which fields there are is the template's business: see
// template.CheckValue.
func SetValue(s State, field string, version int, content Content) ([]domain.Event, error) {
	current := s.Value(field)
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case field == "" || !content.complete():
		return nil, errors.New("setting a value: its field or content is missing")
	case current.Version == version && current.Content.ID == content.ID:
		return nil, nil
	case version != s.NextVersion(field):
		return nil, ErrValueChanged
	}
	return []domain.Event{ValueSet{Field: field, ValueVersion: version, Content: content}}, nil
}

// ClearValue leaves a field without a value. That is a version of its own. A field without a value stays as it is; a
// required one keeps its value.
func ClearValue(s State, field string, required bool) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case required:
		return nil, ErrRequiredField
	case !s.Value(field).Set:
		return nil, nil
	}
	return []domain.Event{ValueCleared{Field: field, ValueVersion: s.NextVersion(field)}}, nil
}

func (c Content) complete() bool {
	return c.ID != uuid.Nil && c.KeyID != "" && c.Alg != "" && len(c.SHA256) == 32
}
