package live

import (
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
)

// Contents tells for each secret and field where the vault holds its values, version by version.
type Contents map[uuid.UUID]map[string][]secret.Content

// Of returns the content of a field's value with a version, and that version; version 0 asks for the current one. False
// if the field has no such value.
func (c Contents) Of(id uuid.UUID, field string, version int) (secret.Content, int, bool) {
	versions := c[id][field]
	if version == 0 {
		version = len(versions)
	}
	if version < 1 || version > len(versions) || versions[version-1].ID == uuid.Nil {
		return secret.Content{}, 0, false
	}
	return versions[version-1], version, true
}

// Current returns the number of a field's newest value version; 0 if it never had one.
func (c Contents) Current(id uuid.UUID, field string) int { return len(c[id][field]) }

func (c Contents) apply(e *domain.Recorded) {
	switch v := e.Event.(type) {
	case secret.ValueSet:
		c.put(e.Stream, v.Field, v.ValueVersion, v.Content)
	case secret.ValueCleared:
		c.put(e.Stream, v.Field, v.ValueVersion, secret.Content{})
	case secret.DestroyRequested:
		if id, err := domain.StreamID(e.Stream); err == nil {
			delete(c, id)
		}
	}
}

// put keeps a version's content at index version-1; a cleared version has none.
func (c Contents) put(stream, field string, version int, content secret.Content) {
	id, err := domain.StreamID(stream)
	if err != nil || version < 1 {
		return
	}
	if c[id] == nil {
		c[id] = map[string][]secret.Content{}
	}
	versions := c[id][field]
	for len(versions) < version {
		versions = append(versions, secret.Content{})
	}
	versions[version-1] = content
	c[id][field] = versions
}
