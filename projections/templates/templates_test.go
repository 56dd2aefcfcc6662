package templates_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/projectiontest"
	"github.com/kdesk/client-secrets/projections/templates"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestTemplates(t *testing.T) {
	ctx, private, h := context.Background(), domain.NewPrivate, projectiontest.NewHistory()
	id, old := uuid.New(), uuid.New()
	stream := domain.Stream(domain.TemplateKind, id)
	h.Add(stream, template.Created{Name: private("Tenant"), Fields: []template.Field{
		{Key: "tenant", Label: private("Tenant id"), Type: template.Text, Required: true, Sensitive: true}}})
	h.Add(domain.Stream(domain.TemplateKind, old), template.Created{Name: private("old thing")}, template.Archived{})
	h.Add(stream, template.Revised{Version: 2, Name: private("Tenant 365"), Description: private("New"), Fields: []template.Field{
		{Key: "region", Label: private("Region"), Type: template.Choice, Choices: []domain.Private{private("EU"), private("US")}, Help: private("where")}}},
		template.Archived{}, template.Restored{})
	q := templates.New(projectiontest.Apply(t, templates.Projector{}, h.Events))

	now, err := q.Get(ctx, h.Workspace, id)
	require.NoError(t, err)
	b, err := json.Marshal(now)
	require.NoError(t, err)
	require.JSONEq(t, `{"id": "`+id.String()+`", "name": "Tenant 365", "description": "New", "version": 2, "archived": false,
		"fields": [{"key": "region", "label": "Region", "type": "choice", "required": false, "sensitive": false,
			"choices": ["EU", "US"], "help": "where"}],
		"revision": 3, "created_at": "2026-03-02T08:00:00Z", "updated_at": "2026-03-02T08:05:00Z"}`, string(b))
	first, err := q.GetVersion(ctx, h.Workspace, id, 1)
	require.NoError(t, err)
	require.Equal(t, "Tenant", first.Name)
	require.Equal(t, []templates.Field{{Key: "tenant", Label: "Tenant id", Type: template.Text, Required: true, Sensitive: true,
		Choices: []string{}}}, first.Fields)
	_, err = q.GetVersion(ctx, h.Workspace, id, 3)
	require.ErrorIs(t, err, template.ErrNotFound)
	_, err = q.Get(ctx, uuid.New(), id)
	require.ErrorIs(t, err, template.ErrNotFound, "in another workspace")

	active, err := q.List(ctx, h.Workspace, "", false, projections.Page{})
	require.NoError(t, err)
	require.Len(t, active.Items, 1)
	page, err := q.List(ctx, h.Workspace, "T", true, projections.Page{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, old, page.Items[0].ID)
	page, err = q.List(ctx, h.Workspace, "T", true, projections.Page{Limit: 1, After: page.Next})
	require.NoError(t, err)
	require.Equal(t, id, page.Items[0].ID)
	require.Empty(t, page.Next)
}
