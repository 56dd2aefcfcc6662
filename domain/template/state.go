package template

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kdesk/client-secrets/domain"
)

// State is what decisions about a template, and about secrets made from it, read. Its zero value is a template that was
// never created. Evolve copies what it changes, so a State stays as it is.
type State struct {
	Exists      bool
	Archived    bool
	Name        domain.Private
	Description domain.Private
	Versions    [][]Field            // fields of each version; version 1 is at index 0
	Types       map[string]FieldType // of every key that any version had
}

// Version returns the newest version; 0 if the template does not exist.
func (s State) Version() int { return len(s.Versions) }

// Fields returns those of the newest version.
func (s State) Fields() []Field {
	fields, _ := s.FieldsAt(s.Version())
	return fields
}

// FieldsAt returns the fields of a version; false if there is no such version. They must not be changed.
func (s State) FieldsAt(version int) ([]Field, bool) {
	if version < 1 || version > len(s.Versions) {
		return nil, false
	}
	return s.Versions[version-1], true
}

// ForNewSecret returns the version and fields that a new secret is made with. An archived template makes none.
func (s State) ForNewSecret() (version int, fields []Field, err error) {
	switch {
	case !s.Exists:
		return 0, nil, ErrNotFound
	case s.Archived:
		return 0, nil, ErrArchived
	}
	return s.Version(), s.Fields(), nil
}

// Evolve returns the state after an event. It fails on an event that is not a template's.
func Evolve(s State, e domain.Event) (State, error) {
	switch e := e.(type) {
	case Created:
		s.Exists = true
		s = s.defined(e.Name, e.Description, e.Fields)
	case Revised:
		s = s.defined(e.Name, e.Description, e.Fields)
	case Archived:
		s.Archived = true
	case Restored:
		s.Archived = false
	default:
		return s, fmt.Errorf("a template has no %s", e.EventType())
	}
	return s, nil
}

func (s State) defined(name, description domain.Private, fields []Field) State {
	s.Name, s.Description = name, description
	s.Versions = append(slices.Clip(s.Versions), fields)
	types := maps.Clone(s.Types)
	if types == nil {
		types = make(map[string]FieldType, len(fields))
	}
	for _, f := range fields {
		types[f.Key] = f.Type
	}
	s.Types = types
	return s
}
