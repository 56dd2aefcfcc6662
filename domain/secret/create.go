package secret

import (
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
)

// Draft is what somebody asks a new secret to be. Its values are in the vault already, encrypted as version 1.
type Draft struct {
	Template        uuid.UUID
	TemplateVersion int
	Fields          []template.Field // of that version
	Name            string
	Description     string
	ExpiresAt       *time.Time // nil is never
	Values          []Value    // of fields that get one; one per field
	Files           []File     // likewise
	Tickets         []Related
	Contacts        []Related
	Assignments     []Assignment
	Rules           []Rule
}

// Value is the first value of a field.
type Value struct {
	Field   string
	Content Content
}

// Create starts a secret with its values, grants, rules and links: the events are one append. What is wrong is
// reported together. Entries that say the same twice count once.
func Create(s State, d Draft, now time.Time) ([]domain.Event, error) {
	if s.Exists || s.Destruction != NotDestroyed {
		return nil, ErrAlreadyExists
	}
	if err := d.complete(); err != nil {
		return nil, err
	}
	var p domain.Problems
	created := d.created(&p, now)
	events := append([]domain.Event{created}, d.values(&p)...)
	events = append(events, d.access(&p)...)
	events = append(events, d.relations(&p)...)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return events, nil
}

func (d Draft) created(p *domain.Problems, now time.Time) Created {
	c := Created{Template: d.Template, TemplateVersion: d.TemplateVersion}
	c.Name = domain.NewPrivate(p.Name("body.name", d.Name, domain.MaxName))
	c.Description = domain.NewPrivate(p.Text("body.description", d.Description, domain.MaxLong))
	if d.ExpiresAt != nil {
		t, err := domain.CheckExpiry(*d.ExpiresAt, now)
		p.AddError("body.expires_at", err)
		c.ExpiresAt = &t
	}
	return c
}

// values returns a first version per field. The plain values and the files were checked by template.CheckValues; that they are for
// these fields, and none is missing, is checked here again because this is what is written.
func (d Draft) values(p *domain.Problems) (events []domain.Event) {
	seen := make(map[string]bool, len(d.Values))
	for _, v := range d.Values {
		f, known := template.Find(d.Fields, v.Field)
		switch {
		case !known:
			p.Add("unknown_field", "body.fields", "the template has no such field")
		case f.Type == template.File:
			p.AddError("body.fields."+f.Key, template.ErrFileNeedsUpload)
		}
		seen[v.Field] = true
		events = append(events, ValueSet{Field: v.Field, ValueVersion: 1, Content: v.Content})
	}
	for _, f := range d.Files {
		p.AddError("body.files", template.CheckFile(d.Fields, f.Field))
		seen[f.Field] = true
		events = append(events, f.attached()...)
	}
	for _, f := range d.Fields {
		if f.Required && !seen[f.Key] {
			p.Add("required_field_missing", f.Location(), "is required")
		}
	}
	return events
}
