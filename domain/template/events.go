// Package template holds the rules of templates: the fields that secrets made from them have.
package template

import "github.com/kdesk/client-secrets/domain"

// FieldType is what a field holds.
type FieldType string

// The field types.
const (
	Text    FieldType = "text"
	Choice  FieldType = "choice"
	Message FieldType = "message"
	File    FieldType = "file"
)

// Field is one field of a template. Its key is stable across versions.
type Field struct {
	Key       string           `json:"key"`
	Label     domain.Private   `json:"label"`
	Type      FieldType        `json:"type"`
	Required  bool             `json:"required,omitempty"`
	Sensitive bool             `json:"sensitive,omitempty"`
	Choices   []domain.Private `json:"choices,omitempty"`
	Help      domain.Private   `json:"help"`
}

// Created starts a template at version 1.
type Created struct {
	Name        domain.Private `json:"name"`
	Description domain.Private `json:"description"`
	Fields      []Field        `json:"fields"`
}

// Revised is the template's next version, whole.
type Revised struct {
	Version     int            `json:"version"`
	Name        domain.Private `json:"name"`
	Description domain.Private `json:"description"`
	Fields      []Field        `json:"fields"`
}

// Archived hides a template from those who make secrets.
type Archived struct{}

// Restored ends that.
type Restored struct{}

// EventType returns the stored name.
func (Created) EventType() string { return "template.created.v1" }

// EventType returns the stored name.
func (Revised) EventType() string { return "template.revised.v1" }

// EventType returns the stored name.
func (Archived) EventType() string { return "template.archived.v1" }

// EventType returns the stored name.
func (Restored) EventType() string { return "template.restored.v1" }
