package template_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func refused(t *testing.T, err error, kind domain.Kind, code string) {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	assert.Equal(t, kind, e.Kind)
}

func definition(name string) template.Definition {
	return template.Definition{Name: name, Fields: []template.Field{
		{Key: "api_key", Label: domain.NewPrivate("Key"), Type: template.Text, Required: true},
	}}
}

func everything(t *testing.T, s *commandstest.Scene) map[string]func(commands.Request, uuid.UUID) error {
	ctx, c := t.Context(), s.Templates
	only := func(_ commands.Result, err error) error { return err }
	return map[string]func(commands.Request, uuid.UUID) error{
		"revise":  func(r commands.Request, id uuid.UUID) error { return only(c.Revise(ctx, r, id, definition("Revised"))) },
		"archive": func(r commands.Request, id uuid.UUID) error { return only(c.Archive(ctx, r, id)) },
		"restore": func(r commands.Request, id uuid.UUID) error { return only(c.Restore(ctx, r, id)) },
	}
}

func TestWhoMayChangeTemplates(t *testing.T) {
	s := commandstest.NewScene(t)
	before := len(s.Stored(t))
	_, err := s.Templates.Create(t.Context(), s.By(commandstest.Assignee), definition("Mine"))
	refused(t, err, domain.Forbidden, "permission_missing")
	_, err = s.Templates.Create(t.Context(), s.By("test:stranger"), definition("Mine"))
	refused(t, err, domain.NotFound, "not_found")
	elsewhere := commands.Request{Workspace: uuid.New(), Actor: domain.Actor{Kind: domain.Operator}}
	for name, do := range everything(t, s) {
		t.Run(name, func(t *testing.T) {
			refused(t, do(s.By(commandstest.Assignee), s.Template), domain.Forbidden, "permission_missing")
			refused(t, do(s.By("test:stranger"), s.Template), domain.NotFound, "not_found")
			absent := do(s.By(commandstest.Owner), uuid.New())
			refused(t, absent, domain.NotFound, "template_not_found")
			assert.Equal(t, absent, do(elsewhere, s.Template), "another workspace's is as if it were not there")
		})
	}
	assert.Len(t, s.Stored(t), before)

	_, err = s.Members.SetPermissions(t.Context(), s.By(commandstest.Owner), commandstest.Assignee, []domain.Permission{domain.TemplatesManage})
	require.NoError(t, err)
	_, err = s.Templates.Create(t.Context(), s.By(commandstest.Assignee), definition("Mine"))
	require.NoError(t, err)
	for _, name := range []string{"revise", "archive", "restore"} {
		do := everything(t, s)[name]
		once := len(s.Stored(t))
		require.NoError(t, do(s.By(commandstest.Assignee), s.Template))
		require.NoError(t, do(s.By(commandstest.Assignee), s.Template))
		assert.Len(t, s.Stored(t), once+1, "%s, repeated", name)
	}
}

func TestSecretsKeepTheirTemplateVersion(t *testing.T) {
	s := commandstest.NewScene(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	_, err := s.Templates.Revise(ctx, owner, s.Template, template.Definition{Name: "Next", Fields: []template.Field{
		{Key: "other", Label: domain.NewPrivate("Other"), Type: template.Text},
	}})
	require.NoError(t, err)
	_, err = s.Secrets.SetValue(ctx, owner, s.Secret, "api_key", "still there")
	require.NoError(t, err)
	_, err = s.Secrets.SetValue(ctx, owner, s.Secret, "other", "not yet")
	refused(t, err, domain.NotFound, "unknown_field")
	_, err = s.Secrets.Create(ctx, owner, secrets.Draft{Template: s.Template, Name: "New", Fields: map[string]string{"api_key": "k"}})
	refused(t, err, domain.Invalid, "unknown_field")
}
