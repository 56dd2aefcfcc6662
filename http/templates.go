package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/templates"
)

// TemplateBody is a template, whole.
type TemplateBody struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Fields      []TemplateField `json:"fields" nullable:"false"`
}

// TemplateField is one field of a template.
type TemplateField struct {
	Key       string             `json:"key" doc:"Stable: a lower-case letter, then up to 62 of a-z, 0-9 and _"`
	Label     string             `json:"label"`
	Type      template.FieldType `json:"type" enum:"text,choice,message,file"`
	Required  bool               `json:"required,omitempty"`
	Sensitive bool               `json:"sensitive,omitempty" doc:"Shown by a reveal only. Files are always protected"`
	Choices   []string           `json:"choices,omitempty" nullable:"false"`
	Help      string             `json:"help,omitempty"`
}

func (b TemplateBody) definition() template.Definition {
	d := template.Definition{Name: b.Name, Description: b.Description, Fields: make([]template.Field, len(b.Fields))}
	for i, f := range b.Fields {
		d.Fields[i] = template.Field{
			Key: f.Key, Label: domain.NewPrivate(f.Label), Type: f.Type, Required: f.Required, Sensitive: f.Sensitive,
			Help: domain.NewPrivate(f.Help),
		}
		for _, c := range f.Choices {
			d.Fields[i].Choices = append(d.Fields[i].Choices, domain.NewPrivate(c))
		}
	}
	return d
}

// Owned names a thing with an id of ours in a workspace.
type Owned struct {
	Workspace
	ID string `path:"id" format:"uuid"`
}

func (o *Owned) id() (uuid.UUID, error) { return parseUUID(o.ID, "path.id") }

type listTemplates struct {
	Workspace
	Search
	Paging
	Archived bool `query:"archived" doc:"Includes archived ones"`
}

type createTemplate struct {
	Workspace
	Body TemplateBody
}

type putTemplate struct {
	Owned
	Body TemplateBody
}

var templatesModel = []string{templates.Name}

func (s *Server) templateRoutes() {
	const tag, path, needs = "Templates", inWorkspace + "/templates", "templates.manage"
	const anyPermission = "any Client Secret permission"
	list(s, route{method: nethttp.MethodGet, path: path, id: "list-templates", tag: tag, summary: "List templates", needs: anyPermission,
		models: templatesModel}, s.listTemplates)
	read(s, route{method: nethttp.MethodGet, path: path + "/{id}", id: "get-template", tag: tag, summary: "Get a template", needs: anyPermission,
		models: templatesModel}, s.getTemplate)
	change(s, route{method: nethttp.MethodPost, path: path, id: "create-template", tag: tag, summary: "Make a template", needs: needs}, s.createTemplate)
	change(s, route{method: nethttp.MethodPut, path: path + "/{id}", id: "put-template", tag: tag,
		summary: "Give a template its next version", needs: needs}, s.putTemplate)
	change(s, route{method: nethttp.MethodPost, path: path + "/{id}/archive", id: "archive-template", tag: tag,
		summary: "Hide a template from those who make secrets", needs: needs, status: nethttp.StatusOK}, s.onTemplate(s.Templates.Archive))
	change(s, route{method: nethttp.MethodPost, path: path + "/{id}/restore", id: "restore-template", tag: tag,
		summary: "End that", needs: needs, status: nethttp.StatusOK}, s.onTemplate(s.Templates.Restore))
}

func (c *call) readsTemplates() error {
	if !c.permissions().MeetsClientSecrets() {
		return commands.ErrForbidden
	}
	return nil
}

func (s *Server) listTemplates(ctx context.Context, c *call, in *listTemplates, page projections.Page) (projections.Paged[templates.Template], error) {
	if err := c.readsTemplates(); err != nil {
		return projections.Paged[templates.Template]{}, err
	}
	return s.TemplateQueries.List(ctx, c.workspace, in.Q, in.Archived, page)
}

func (s *Server) getTemplate(ctx context.Context, c *call, in *Owned) (t templates.Template, _ *uint64, err error) {
	if err := c.readsTemplates(); err != nil {
		return t, nil, err
	}
	id, err := in.id()
	if err != nil {
		return t, nil, err
	}
	t, err = s.TemplateQueries.Get(ctx, c.workspace, id)
	return t, &t.Revision, err
}

func (s *Server) createTemplate(ctx context.Context, c *call, in *createTemplate) (changed, error) {
	r, err := s.Templates.Create(ctx, c.request(), in.Body.definition())
	done := changedTo(r.ID.String(), r)
	done.location = c.located("templates", r.ID.String())
	return done, err
}

func (s *Server) putTemplate(ctx context.Context, c *call, in *putTemplate) (changed, error) {
	id, err := in.id()
	if err != nil {
		return changed{}, err
	}
	r, err := s.Templates.Revise(ctx, c.request(), id, in.Body.definition())
	return changedTo(id.String(), r), err
}

func (s *Server) onTemplate(run func(context.Context, commands.Request, uuid.UUID) (commands.Result, error)) func(context.Context, *call, *Owned) (changed, error) {
	return func(ctx context.Context, c *call, in *Owned) (changed, error) {
		id, err := in.id()
		if err != nil {
			return changed{}, err
		}
		r, err := run(ctx, c.request(), id)
		return changedTo(id.String(), r), err
	}
}
