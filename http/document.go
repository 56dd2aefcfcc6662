package http

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/projections/record"
)

// Secret is a record as its caller sees it. A sensitive value is never in it.
type Secret struct {
	ID          uuid.UUID           `json:"id"`
	Name        string              `json:"name"`
	Description string              `json:"description"`
	Template    record.Template     `json:"template"`
	Active      bool                `json:"active"`
	ExpiresAt   *time.Time          `json:"expires_at"`
	Expired     bool                `json:"expired"`
	Fields      []Field             `json:"fields" nullable:"false"`
	Tickets     []string            `json:"tickets" nullable:"false"`
	Contacts    []string            `json:"contacts" nullable:"false"`
	Assignments []record.Assignment `json:"assignments" nullable:"false"`
	Rules       []record.Rule       `json:"rules" nullable:"false"`
	Hold        *record.Hold        `json:"hold" doc:"null unless the secret is under legal hold"`
	Destroyed   *record.Destroyed   `json:"destroyed" doc:"null unless the secret was destroyed: nothing else of it is left then"`
	Access      Access              `json:"access"`
	Can         Can                 `json:"can"`
	Revision    uint64              `json:"revision"`
	CreatedAt   time.Time           `json:"created_at"`
	UpdatedAt   time.Time           `json:"updated_at"`
}

// Field is a field of a record.
type Field struct {
	Key          string             `json:"key"`
	Label        string             `json:"label"`
	Type         template.FieldType `json:"type" enum:"text,choice,message,file"`
	Required     bool               `json:"required"`
	Sensitive    bool               `json:"sensitive"`
	Masked       bool               `json:"masked" doc:"The value is had by a reveal or download only"`
	IsSet        bool               `json:"is_set"`
	Value        *string            `json:"value,omitempty" doc:"Of fields that are set and not masked"`
	File         *File              `json:"file,omitempty" doc:"Of fields of type file that are set"`
	ValueVersion int                `json:"value_version"`
	ChangedAt    *time.Time         `json:"changed_at"`
	ChangedBy    string             `json:"changed_by,omitempty"`
}

// File tells what a file is.
type File struct {
	Name        string `json:"name"`
	Size        int64  `json:"size" doc:"In bytes"`
	ContentType string `json:"content_type" doc:"As found in its bytes"`
}

// Access says why the caller sees a record.
type Access struct {
	Allowed bool   `json:"allowed"`
	Via     string `json:"via" enum:"owner,permission,assignment,rule"`
	Kind    string `json:"kind,omitempty" doc:"Of the assignment or the rule"`
	Rule    string `json:"rule,omitempty"`
	Ticket  string `json:"ticket,omitempty"`
}

// Can says what the caller may do with a record.
type Can struct {
	Reveal   bool `json:"reveal"`
	Download bool `json:"download"`
	Link     bool `json:"link"`
	Modify   bool `json:"modify"`
	Manage   bool `json:"manage"`
}

// judged is a record that the caller may see.
type judged struct {
	record *record.Secret
	access Access
	can    Can
}

// judge keeps those of the records that the caller may see now, with what he may do with each.
func (c *call) judge(records []*record.Secret) []judged {
	now := c.server.Now()
	kept := make([]judged, 0, len(records))
	c.view(func(x *access.Index) {
		held, _ := x.Permissions(c.workspace, c.actor, now)
		settings, _ := x.Settings(c.workspace)
		for _, r := range records {
			d := x.Decide(access.Request{Workspace: c.workspace, Actor: c.actor, Action: access.View, Secret: r.ID, At: now})
			if !d.Allowed {
				continue
			}
			can := canOf(held, settings, r.Expired(now))
			if x.Destroyed(c.workspace, r.ID) {
				r, can = ended(r, now), Can{}
			}
			kept = append(kept, judged{r, Access{true, d.Via, d.Kind, d.Rule, d.Ticket}, can})
		}
	})
	return kept
}

// ended returns what is left of a destroyed secret's record. The read model may not have heard of its end yet.
func ended(r *record.Secret, now time.Time) *record.Secret {
	if r.Destroyed != nil {
		return r
	}
	return r.End(now)
}

// canOf returns what somebody who sees a record may do with it: once there is a way in, permissions decide.
func canOf(held access.PermissionSet, settings workspace.Settings, expired bool) Can {
	can := Can{
		Reveal: held.Has(domain.SecretsReveal), Link: held.Has(domain.SecretsLink), Modify: held.Has(domain.SecretsModify),
		Manage: held.Has(domain.SecretsManage),
	}
	if expired && settings.ExpiredReveals != workspace.Confirmation {
		can.Reveal = can.Reveal && can.Manage && settings.ExpiredReveals == workspace.ManagersWithConfirmation
	}
	can.Download = can.Reveal
	return can
}

// documents completes records with the values of their fields that are not masked, and with what their files are.
func (c *call) documents(ctx context.Context, list []judged) ([]Secret, error) {
	shown, attached := contents(list)
	values, err := c.server.Gate.Show(ctx, c.workspace, shown)
	if err != nil {
		return nil, err
	}
	about, err := c.server.Gate.Describe(ctx, c.workspace, attached)
	if err != nil {
		return nil, err
	}
	files := make(map[uuid.UUID]*File, len(about))
	for id, a := range about {
		files[id] = &File{a.Name, a.Size, a.ContentType}
	}
	now := c.server.Now()
	docs := make([]Secret, len(list))
	for i, j := range list {
		docs[i] = document(j, values, files, now)
	}
	return docs, nil
}

// contents returns the values to be shown, and the files to be told of.
func contents(list []judged) (values, files []reveal.Shown) {
	for _, j := range list {
		for i := range j.record.Fields {
			f := &j.record.Fields[i]
			if !f.IsSet || f.Content == nil {
				continue
			}
			s := reveal.Shown{Secret: j.record.ID, Field: f.Key, Version: f.ValueVersion, Content: *f.Content}
			switch {
			case f.Type == template.File:
				files = append(files, s)
			case !masked(f):
				values = append(values, s)
			}
		}
	}
	return values, files
}

func masked(f *record.Field) bool { return f.Sensitive || f.Type == template.File }

func document(j judged, values map[uuid.UUID]string, files map[uuid.UUID]*File, now time.Time) Secret {
	r := j.record
	doc := Secret{
		ID: r.ID, Name: r.Name, Description: r.Description, Template: r.Template, Active: r.Active, ExpiresAt: r.ExpiresAt,
		Expired: r.Expired(now), Fields: make([]Field, len(r.Fields)), Tickets: orNone(r.Tickets), Contacts: orNone(r.Contacts),
		Assignments: orNone(r.Assignments), Rules: orNone(r.Rules), Hold: r.Hold, Destroyed: r.Destroyed, Access: j.access, Can: j.can, Revision: r.Revision,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	for i := range r.Fields {
		f := &r.Fields[i]
		doc.Fields[i] = Field{
			Key: f.Key, Label: f.Label, Type: f.Type, Required: f.Required, Sensitive: f.Sensitive, Masked: masked(f),
			IsSet: f.IsSet, ValueVersion: f.ValueVersion, ChangedAt: f.ChangedAt, ChangedBy: f.ChangedBy,
		}
		if f.IsSet && f.Content != nil {
			doc.Fields[i].File = files[f.Content.ID]
			if value, ok := values[f.Content.ID]; ok {
				doc.Fields[i].Value = &value
			}
		}
	}
	return doc
}

func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
