package http

import (
	"context"
	"encoding/json"
	nethttp "net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	rules "github.com/kdesk/client-secrets/domain/secret"
)

// SecretBody is a new secret.
type SecretBody struct {
	TemplateID  string            `json:"template_id" format:"uuid"`
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	ExpiresAt   *time.Time        `json:"expires_at,omitempty" nullable:"true"`
	Fields      map[string]string `json:"fields,omitempty" nullable:"false" doc:"Values by field key"`
	Files       map[string]string `json:"files,omitempty" nullable:"false" doc:"Uploads by field key"`
	Tickets     []string          `json:"tickets,omitempty" nullable:"false"`
	Contacts    []string          `json:"contacts,omitempty" nullable:"false"`
	Assignments []AssignmentBody  `json:"assignments,omitempty" nullable:"false"`
	Rules       []RuleBody        `json:"rules,omitempty" nullable:"false"`
}

// AssignmentBody lets somebody in.
type AssignmentBody struct {
	Kind   rules.AssignmentKind `json:"kind" enum:"member,group,division,everyone"`
	Target string               `json:"target" doc:"Member id, group id, division, or all"`
}

// RuleBody lets those in whom it matches.
type RuleBody struct {
	Kind  rules.RuleKind `json:"kind" enum:"ticket_assignee,ticket_follower,ticket_creator,ticket_approver,ticket_group,contact_owner,contact_ticket_assignee,category_assignee"`
	Value string         `json:"value,omitempty" doc:"The category, of category_assignee only"`
	While rules.While    `json:"while,omitempty" enum:"always,ticket_open" doc:"always unless given; ticket_open is not for contact_owner, which matches through no ticket"`
}

func (r RuleBody) rule() rules.Rule { return rules.Rule{Kind: r.Kind, Value: r.Value, While: r.While} }

// SecretChange changes the parts that it names.
type SecretChange struct {
	Name        *string      `json:"name,omitempty"`
	Description *string      `json:"description,omitempty"`
	Active      *bool        `json:"active,omitempty"`
	ExpiresAt   clearingTime `json:"expires_at,omitzero" doc:"null clears it"`
}

// clearingTime is a time that may be left out, or be null.
type clearingTime struct {
	given bool
	at    *time.Time
}

// UnmarshalJSON reads a time or null.
func (t *clearingTime) UnmarshalJSON(b []byte) error {
	t.given = true
	return json.Unmarshal(b, &t.at)
}

// Schema describes it.
func (clearingTime) Schema(r huma.Registry) *huma.Schema {
	s := *huma.SchemaFromType(r, reflect.TypeFor[time.Time]())
	s.Nullable = true
	return &s
}

type createSecret struct {
	Workspace
	Body SecretBody
}

type changeSecret struct {
	Owned
	Body SecretChange
}

type putValue struct {
	SecretField
	Body struct {
		Value  *string `json:"value,omitempty" doc:"Of a field that is no file"`
		Upload *string `json:"upload,omitempty" format:"uuid" doc:"Of a field of type file: an upload of the caller's that is not used yet"`
	}
}

var errValueOrUpload = domain.Refuse(domain.Invalid, "field_required", "give either a value or an upload").
	With("body", "has either value or upload")

func (s *Server) secretChangeRoutes() {
	change(s, route{method: nethttp.MethodPost, path: secretsPath, id: "create-secret", tag: secretsTag, summary: "Make a secret",
		needs: secretsModify}, s.createSecret)
	change(s, route{method: nethttp.MethodPatch, path: secretPath, id: "change-secret", tag: secretsTag, summary: "Change parts of a secret",
		needs: secretsModify}, s.changeSecret)
	change(s, route{method: nethttp.MethodPut, path: fieldPath, id: "put-value", tag: secretsTag, summary: "Give a field a new value",
		needs: secretsModify}, s.putValue)
	change(s, route{method: nethttp.MethodDelete, path: fieldPath, id: "clear-value", tag: secretsTag, summary: "Leave a field without a value",
		needs: secretsModify}, func(ctx context.Context, c *call, in *SecretField) (changed, error) {
		return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
			return s.Secrets.ClearValue(ctx, req, id, in.Key)
		})
	})
}

func (s *Server) putValue(ctx context.Context, c *call, in *putValue) (changed, error) {
	value, upload := in.Body.Value, in.Body.Upload
	if (value == nil) == (upload == nil) {
		return changed{}, errValueOrUpload
	}
	var file uuid.UUID
	if upload != nil {
		var err error
		if file, err = parseUUID(*upload, "body.upload"); err != nil {
			return changed{}, err
		}
	}
	return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
		if upload != nil {
			return s.Secrets.SetFile(ctx, req, id, in.Key, file)
		}
		return s.Secrets.SetValue(ctx, req, id, in.Key, *value)
	})
}

// onSecret carries out a command on the secret that a path names.
func (c *call) onSecret(in *Owned, run func(commands.Request, uuid.UUID) (commands.Result, error)) (changed, error) {
	id, err := in.id()
	if err != nil {
		return changed{}, err
	}
	r, err := run(c.request(), id)
	return changedTo(id.String(), r), err
}

func (s *Server) createSecret(ctx context.Context, c *call, in *createSecret) (changed, error) {
	b := in.Body
	template, err := parseUUID(b.TemplateID, "body.template_id")
	if err != nil {
		return changed{}, err
	}
	draft := secret.Draft{
		Template: template, Name: b.Name, Description: b.Description, ExpiresAt: b.ExpiresAt, Fields: b.Fields,
		Tickets: b.Tickets, Contacts: b.Contacts,
	}
	if draft.Files, err = uploadsOf(b.Files); err != nil {
		return changed{}, err
	}
	for _, a := range b.Assignments {
		draft.Assignments = append(draft.Assignments, rules.Assignment{Kind: a.Kind, Target: a.Target})
	}
	for _, r := range b.Rules {
		draft.Rules = append(draft.Rules, r.rule())
	}
	r, err := s.Secrets.Create(ctx, c.request(), draft)
	done := changedTo(r.ID.String(), r)
	done.location = c.located("secrets", r.ID.String())
	return done, err
}

// uploadsOf reads the uploads of a body, by field key.
func uploadsOf(files map[string]string) (map[string]uuid.UUID, error) {
	uploads := make(map[string]uuid.UUID, len(files))
	for key, text := range files {
		id, err := uuid.Parse(text)
		if err != nil || len(text) != 36 {
			return nil, domain.Refuse(domain.Invalid, "invalid_id", "is no UUID").With("body.files", "is no UUID")
		}
		uploads[key] = id
	}
	return uploads, nil
}

func (s *Server) changeSecret(ctx context.Context, c *call, in *changeSecret) (changed, error) {
	b := in.Body
	ch := secret.Change{Name: b.Name, Description: b.Description, Active: b.Active}
	if b.ExpiresAt.given {
		ch.ExpiresAt = &b.ExpiresAt.at
	}
	return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
		return s.Secrets.Change(ctx, req, id, ch)
	})
}
