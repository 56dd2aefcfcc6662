package live

import (
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
)

// Contents tells for each secret and field where the vault holds its values or files, version by version.
type Contents map[uuid.UUID]map[string]history

// history is every version of a field, version 1 at index 0; a cleared one is zero. A field holds files or values for ever.
type history struct {
	versions []secret.Content
	file     bool
}

// Of returns the content of a field's value with a version, and that version; version 0 asks for the current one. False
// if the field has no such value.
func (c Contents) Of(id uuid.UUID, field string, version int) (secret.Content, int, bool) {
	versions := c[id][field].versions
	if version == 0 {
		version = len(versions)
	}
	if version < 1 || version > len(versions) || versions[version-1].ID == uuid.Nil {
		return secret.Content{}, 0, false
	}
	return versions[version-1], version, true
}

// Current returns the number of a field's newest value version; 0 if it never had one.
func (c Contents) Current(id uuid.UUID, field string) int { return len(c[id][field].versions) }

// IsFile tells whether what a field holds are files.
func (c Contents) IsFile(id uuid.UUID, field string) bool { return c[id][field].file }

func (c Contents) apply(e *domain.Recorded) {
	switch v := e.Event.(type) {
	case secret.ValueSet:
		c.put(e.Stream, v.Field, v.ValueVersion, v.Content, false)
	case secret.ValueCleared:
		c.put(e.Stream, v.Field, v.ValueVersion, secret.Content{}, false)
	case secret.FileAttached:
		c.put(e.Stream, v.Field, v.ValueVersion, v.Content, true)
	case secret.FileRemoved:
		c.put(e.Stream, v.Field, v.ValueVersion, secret.Content{}, true)
	case secret.DestroyRequested:
		if id, err := domain.StreamID(e.Stream); err == nil {
			delete(c, id)
		}
	}
}

// put keeps a version's content at index version-1; a cleared version has none.
func (c Contents) put(stream, field string, version int, content secret.Content, file bool) {
	id, err := domain.StreamID(stream)
	if err != nil || version < 1 {
		return
	}
	if c[id] == nil {
		c[id] = map[string]history{}
	}
	versions := c[id][field].versions
	for len(versions) < version {
		versions = append(versions, secret.Content{})
	}
	versions[version-1] = content
	c[id][field] = history{versions, file}
}
