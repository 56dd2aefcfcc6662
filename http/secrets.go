package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/record"
	"github.com/kdesk/client-secrets/projections/secrets"
)

type listSecrets struct {
	Workspace
	Search
	Paging
	Ticket   string        `query:"ticket" maxLength:"128" doc:"Linked to this ticket"`
	Contact  string        `query:"contact" maxLength:"128" doc:"Related to this contact"`
	Template string        `query:"template" format:"uuid"`
	State    secrets.State `query:"state" enum:"active,inactive,expired,expiring,destroyed" doc:"expiring: within 30 days; destroyed ones are there for those who manage secrets"`
}

// SecretField names a field of a secret.
type SecretField struct {
	Owned
	Key string `path:"key" doc:"The field's key"`
}

type listVersions struct {
	SecretField
	Paging
}

var (
	errModuleOff  = domain.Refuse(domain.Forbidden, "module_off", "Client Secrets are switched off in this workspace")
	secretsModel  = []string{"secrets"}
	secretsPath   = inWorkspace + "/secrets"
	secretPath    = secretsPath + "/{id}"
	fieldPath     = secretPath + "/fields/{key}"
	secretsTag    = "Secrets"
	secretsView   = string(domain.SecretsView)
	secretsModify = string(domain.SecretsModify)
	secretsManage = string(domain.SecretsManage)
	secretsLink   = string(domain.SecretsLink)
)

func (s *Server) secretRoutes() {
	list(s, route{method: nethttp.MethodGet, path: secretsPath, id: "list-secrets", tag: secretsTag,
		summary: "List the secrets that the caller may see", needs: secretsView, models: secretsModel}, s.listSecrets)
	read(s, route{method: nethttp.MethodGet, path: secretPath, id: "get-secret", tag: secretsTag, summary: "Get a secret, without sensitive values",
		needs: secretsView, models: secretsModel}, s.getSecret)
	list(s, route{method: nethttp.MethodGet, path: fieldPath + "/versions", id: "list-value-versions", tag: secretsTag,
		summary: "List the versions of a value, without values", needs: secretsView, models: secretsModel}, s.listVersions)
}

// seesSecrets refuses those who see no secret whatever their grants are.
func (c *call) seesSecrets() (err error) {
	c.view(func(x *access.Index) {
		settings, _ := x.Settings(c.workspace)
		held, _ := x.Permissions(c.workspace, c.actor, c.server.Now())
		switch {
		case !settings.Enabled:
			err = errModuleOff
		case !held.Has(domain.SecretsView):
			err = commands.ErrForbidden
		}
	})
	return err
}

func (s *Server) listSecrets(ctx context.Context, c *call, in *listSecrets, page projections.Page) (none projections.Paged[Secret], _ error) {
	if err := c.seesSecrets(); err != nil {
		return none, err
	}
	filter, err := in.filter()
	if err != nil {
		return none, err
	}
	filter.Now = s.Now()
	found, err := s.SecretQueries.List(ctx, c.workspace, filter, c.sight().only(), page)
	if err != nil {
		return none, err
	}
	docs, err := c.documents(ctx, c.judge(found.Items))
	return projections.Paged[Secret]{Items: docs, Next: found.Next}, err
}

func (in *listSecrets) filter() (f secrets.Filter, err error) {
	f = secrets.Filter{Q: in.Q, Ticket: in.Ticket, Contact: in.Contact, State: in.State}
	if f.Template, err = optionalUUID(in.Template, "query.template"); err != nil {
		return f, err
	}
	if err := plainText(in.Ticket, "query.ticket"); err != nil {
		return f, err
	}
	return f, plainText(in.Contact, "query.contact")
}

func (s *Server) getSecret(ctx context.Context, c *call, in *Owned) (none Secret, _ *uint64, _ error) {
	j, err := s.visible(ctx, c, in)
	if err != nil {
		return none, nil, err
	}
	docs, err := c.documents(ctx, []judged{j})
	if err != nil {
		return none, nil, err
	}
	return docs[0], &docs[0].Revision, nil
}

// visible returns the record that a path names, if the caller may see it.
func (s *Server) visible(ctx context.Context, c *call, in *Owned) (judged, error) {
	id, err := in.id()
	if err != nil {
		return judged{}, err
	}
	if err := c.mayView(id); err != nil {
		return judged{}, err
	}
	found, err := s.SecretQueries.Get(ctx, c.workspace, id)
	if err != nil {
		return judged{}, err
	}
	if kept := c.judge([]*record.Secret{found}); len(kept) == 1 {
		return kept[0], nil
	}
	return judged{}, commands.ErrNoWorkspace
}

// mayView refuses a secret that the caller must not know of.
func (c *call) mayView(id uuid.UUID) error {
	return c.server.Secrets.Run.AuthoriseSecret(c.request(), access.View, id)
}

func (s *Server) listVersions(ctx context.Context, c *call, in *listVersions, page projections.Page) (none projections.Paged[secrets.ValueVersion], _ error) {
	j, err := s.visible(ctx, c, &in.Owned)
	if err != nil {
		return none, err
	}
	if j.record.Field(in.Key) == nil {
		return none, template.ErrUnknownField
	}
	return s.SecretQueries.Versions(ctx, c.workspace, j.record.ID, in.Key, page)
}
