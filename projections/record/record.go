// Package record is one secret record as people see it, without values, and the pure fold of template, secret, ticket
// and contact events into such records.
//
// It does no I/O, and it does not decide who may see a record: callers ask the access decision.
package record

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
)

// Secret is one record. Its JSON is that of the API without values, access and what depends on the time of day. Whoever
// gets one from a read model must not change it: it may be shared.
type Secret struct {
	Workspace   uuid.UUID    `json:"-"`
	ID          uuid.UUID    `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Template    Template     `json:"template"`
	Active      bool         `json:"active"`
	ExpiresAt   *time.Time   `json:"expires_at"`
	Fields      []Field      `json:"fields"` // in the order of the template's version
	Tickets     []string     `json:"tickets"`
	Contacts    []string     `json:"contacts"`
	Assignments []Assignment `json:"assignments"`
	Rules       []Rule       `json:"rules"`
	Hold        *Hold        `json:"hold"`      // nil unless the secret is under legal hold
	Destroyed   *Destroyed   `json:"destroyed"` // nil unless the secret's destruction was requested
	Revision    uint64       `json:"revision"`  // of the secret's stream
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
	// Former are fields that the template's version does not have and an earlier one had. They are no part of an answer.
	Former []Field `json:"-"`
}

// Hold is a legal hold.
type Hold struct {
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// Destroyed tells that a secret is gone. Its record then holds no text of its own.
type Destroyed struct {
	RequestedAt time.Time  `json:"requested_at"`
	CompleteAt  *time.Time `json:"complete_at"` // when the last backup of its key is gone too; nil while the key is still there
}

// Template names the version of the template that a secret has the fields of.
type Template struct {
	ID      uuid.UUID `json:"id"`
	Version int       `json:"version"`
	Name    string    `json:"name"`
}

// Field is one field of a record. ValueVersion is 0 until a value was set; a cleared value counts as a version.
type Field struct {
	Key          string             `json:"key"`
	Label        string             `json:"label"`
	Type         template.FieldType `json:"type"`
	Required     bool               `json:"required"`
	Sensitive    bool               `json:"sensitive"`
	IsSet        bool               `json:"is_set"`
	ValueVersion int                `json:"value_version"`
	ChangedAt    *time.Time         `json:"changed_at"`
	ChangedBy    string             `json:"changed_by,omitempty"` // member or service account id; else the kind of actor

	// Content is where the vault has the current value; nil if none is set. It is for showing the values of fields
	// that are not sensitive and never part of an answer.
	Content *secret.Content `json:"-"`
}

// Assignment lets members in.
type Assignment struct {
	Kind   secret.AssignmentKind `json:"kind"`
	Target string                `json:"target"`
}

// Rule lets in whom it matches.
type Rule struct {
	ID    uuid.UUID       `json:"id"`
	Kind  secret.RuleKind `json:"kind"`
	Value string          `json:"value,omitempty"`
	While secret.While    `json:"while"`
}

// End returns what is left of the record once its destruction was requested: no text of its own, no values and nobody who
// was let in.
func (s *Secret) End(at time.Time) *Secret {
	left := *s
	left.Name, left.Description = domain.ErasedText, domain.ErasedText
	left.Active, left.ExpiresAt, left.Hold, left.Former = false, nil, nil, nil
	left.Tickets, left.Contacts, left.Assignments, left.Rules = []string{}, []string{}, []Assignment{}, []Rule{}
	left.Fields = slices.Clone(s.Fields)
	for i := range left.Fields {
		left.Fields[i].IsSet, left.Fields[i].Content = false, nil
	}
	left.Destroyed = &Destroyed{RequestedAt: at}
	return &left
}

// Expired tells whether the secret's values should have been replaced by now.
func (s *Secret) Expired(now time.Time) bool { return s.ExpiresAt != nil && !now.Before(*s.ExpiresAt) }

// Field returns the field with a key; nil if there is none.
func (s *Secret) Field(key string) *Field {
	if i := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Key == key }); i >= 0 {
		return &s.Fields[i]
	}
	return nil
}

// stored is the form that read models keep: what the API shows, with the contents beside it.
type stored struct {
	*Secret
	Contents map[string]*secret.Content `json:"contents,omitempty"` // by field key
	Former   []Field                    `json:"former,omitempty"`   // without contents: their values were cleared
}

// Encode returns the form in which read models keep a record: JSON with the contents, for Decode.
func Encode(s *Secret) ([]byte, error) {
	doc := stored{Secret: s, Former: s.Former}
	for i := range s.Fields {
		if f := &s.Fields[i]; f.Content != nil {
			if doc.Contents == nil {
				doc.Contents = make(map[string]*secret.Content, len(s.Fields))
			}
			doc.Contents[f.Key] = f.Content
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encoding record %s: %w", s.ID, err)
	}
	return b, nil
}

// Decode reads what Encode wrote.
func Decode(workspace uuid.UUID, doc []byte) (*Secret, error) {
	s := stored{Secret: &Secret{}}
	if err := json.Unmarshal(doc, &s); err != nil {
		return nil, fmt.Errorf("decoding a record: %w", err)
	}
	s.Workspace, s.Secret.Former = workspace, s.Former
	for i := range s.Fields {
		s.Fields[i].Content = s.Contents[s.Fields[i].Key]
	}
	return s.Secret, nil
}
