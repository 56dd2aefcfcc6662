package secret

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	templates "github.com/kdesk/client-secrets/commands/template"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/vault"
)

const valueTries = 3 // after another value was set at the same moment

// Change is a partial change of a secret: nil leaves a part as it is.
type Change struct {
	Name        *string
	Description *string
	Active      *bool
	ExpiresAt   **time.Time // pointing to nil clears it
}

// Change changes parts of a secret in one append.
func (c Commands) Change(ctx context.Context, req commands.Request, id uuid.UUID, change Change) (commands.Result, error) {
	now := c.Run.Now()
	return c.decide(ctx, req, access.Modify, id, func(s secret.State) ([]domain.Event, error) {
		return commands.Then(s, secret.Evolve,
			func(s secret.State) ([]domain.Event, error) {
				name, description := s.Name.Text, s.Description.Text
				commands.Set(&name, change.Name)
				commands.Set(&description, change.Description)
				return secret.Describe(s, name, description)
			},
			func(s secret.State) ([]domain.Event, error) {
				if change.ExpiresAt == nil {
					return nil, nil
				}
				return secret.SetExpiration(s, *change.ExpiresAt, now)
			},
			func(s secret.State) ([]domain.Event, error) { return setActive(s, change.Active) })
	})
}

func setActive(s secret.State, active *bool) ([]domain.Event, error) {
	switch {
	case active == nil:
		return nil, nil
	case *active:
		return secret.Activate(s)
	default:
		return secret.Deactivate(s)
	}
}

// SetValue gives a field a new value version.
func (c Commands) SetValue(ctx context.Context, req commands.Request, id uuid.UUID, field, value string) (commands.Result, error) {
	if err := c.Run.AuthoriseSecret(req, access.Modify, id); err != nil {
		return commands.Result{}, err
	}
	command := req.Command()
	if result, done, err := commands.Repeated(ctx, c.Run, req, command, aggregate(id)); done || err != nil {
		return result, err
	}
	for range valueTries {
		result, err := c.setValue(ctx, req, command, id, field, value)
		if !errors.Is(err, secret.ErrValueChanged) {
			return result, err
		}
	}
	return commands.Result{}, commands.ErrBusy
}

// setValue encrypts the value as the version that the field would have next, which holds only if nobody else is faster.
func (c Commands) setValue(ctx context.Context, req commands.Request, command, id uuid.UUID, field, value string) (commands.Result, error) {
	s, fields, err := c.fields(ctx, req, id)
	if err != nil {
		return commands.Result{}, err
	}
	if err := template.CheckValue(fields, field, value); err != nil {
		return commands.Result{}, err
	}
	version := s.NextVersion(field)
	content := contentID(command, field, version)
	stored, err := c.put(ctx, req.Workspace, id, []vault.Item{{ContentID: content, Field: field, Version: version, Plain: vault.Secret(value)}})
	if err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Run, req, command, aggregate(id), func(s secret.State) ([]domain.Event, error) {
		return secret.SetValue(s, field, version, stored[0])
	})
}

// ClearValue leaves a field without a value.
func (c Commands) ClearValue(ctx context.Context, req commands.Request, id uuid.UUID, field string) (commands.Result, error) {
	if err := c.Run.AuthoriseSecret(req, access.Modify, id); err != nil {
		return commands.Result{}, err
	}
	_, fields, err := c.fields(ctx, req, id)
	if err != nil {
		return commands.Result{}, err
	}
	f, known := template.Find(fields, field)
	if !known {
		return commands.Result{}, template.ErrUnknownField
	}
	return commands.Run(ctx, c.Run, req, req.Command(), aggregate(id), func(s secret.State) ([]domain.Event, error) {
		if f.Type == template.File {
			return secret.RemoveFile(s, field, f.Required)
		}
		return secret.ClearValue(s, field, f.Required)
	})
}

// fields returns a secret with the fields of its template version.
func (c Commands) fields(ctx context.Context, req commands.Request, id uuid.UUID) (secret.State, []template.Field, error) {
	s, t, err := c.withTemplate(ctx, req, id)
	if err != nil {
		return s, nil, err
	}
	fields, ok := t.FieldsAt(s.TemplateVersion)
	if !ok {
		return s, nil, errors.New("a secret's template version is not in the log")
	}
	return s, fields, nil
}

// withTemplate returns a secret with its template.
func (c Commands) withTemplate(ctx context.Context, req commands.Request, id uuid.UUID) (s secret.State, t template.State, err error) {
	if s, err = commands.Load(ctx, c.Run, req.Workspace, aggregate(id)); err != nil {
		return s, t, err
	}
	if !s.Exists {
		return s, t, commands.ErrNoWorkspace
	}
	t, err = commands.Load(ctx, c.Run, req.Workspace, templates.Aggregate(s.Template))
	return s, t, err
}
