package workspace_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/live"
	workspaces "github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/workspace"
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

func founder() workspaces.Founder {
	return workspaces.Founder{Profile: member.Profile{ID: "test:founder", Name: "F", Active: true}, Issuer: "https://issuer", Subject: "sub"}
}

func operator() commands.Request {
	return commands.Request{Actor: domain.Actor{Kind: domain.Operator}, Key: "k"}
}

func TestOpen(t *testing.T) {
	w := commandstest.New(t)
	result, err := w.Workspaces.Open(t.Context(), operator(), "New", founder())
	require.NoError(t, err)
	w.Run.Index.View(func(f live.Facts) {
		assert.Equal(t, []string{"test:founder"}, f.Access.Owners(result.ID))
		mine := f.Access.Memberships(w.Workspaces.Hasher.Subject("https://issuer", "sub"))
		require.Len(t, mine, 1)
		assert.Equal(t, result.ID, mine[0].Workspace)
	})
	settings, err := commands.Load(t.Context(), w.Run, result.ID, commands.Aggregate[workspace.State]{
		Stream: domain.Stream(domain.WorkspaceKind, result.ID), Evolve: workspace.Evolve,
	})
	require.NoError(t, err)
	assert.False(t, settings.Settings.Enabled, "off until somebody switches it on")

	t.Run("repeated, by another process", func(t *testing.T) {
		once := len(w.Stored(t))
		again, err := w.Again(t).Workspaces.Open(t.Context(), operator(), "New", founder())
		require.NoError(t, err)
		assert.Equal(t, result, again)
		assert.Len(t, w.Stored(t), once)
	})
}

func TestRefusedOpeningLeavesNothing(t *testing.T) {
	w := commandstest.New(t)
	for name, c := range map[string]struct {
		name   string
		change func(*workspaces.Founder)
		code   string
	}{
		"no name":          {" ", func(*workspaces.Founder) {}, "text_required"},
		"no founder":       {"New", func(f *workspaces.Founder) { f.Profile.ID = "" }, "invalid_id"},
		"nameless founder": {"New", func(f *workspaces.Founder) { f.Profile.Name = "" }, "text_required"},
		"no subject":       {"New", func(f *workspaces.Founder) { f.Subject = "" }, "text_required"},
	} {
		t.Run(name, func(t *testing.T) {
			f := founder()
			c.change(&f)
			_, err := w.Workspaces.Open(t.Context(), operator(), c.name, f)
			refused(t, err, domain.Invalid, c.code)
			assert.Empty(t, w.Stored(t))
		})
	}
}

func TestFounderIsActive(t *testing.T) {
	w := commandstest.New(t)
	f := founder()
	f.Profile.Active = false
	result, err := w.Workspaces.Open(t.Context(), operator(), "New", f)
	require.NoError(t, err)
	w.Run.Index.View(func(f live.Facts) { assert.Len(t, f.Access.Owners(result.ID), 1) })
}

func TestOpeningResumesAfterACrash(t *testing.T) {
	w := commandstest.New(t)
	id := commands.NewID(operator().Command(), 0)
	ctx, cancel := context.WithCancel(t.Context())
	w.Log.BeforeAppend(domain.Stream(domain.WorkspaceKind, id), cancel)
	_, err := w.Workspaces.Open(ctx, operator(), "New", founder())
	require.Error(t, err)
	result, err := w.Again(t).Workspaces.Open(t.Context(), operator(), "New", founder())
	require.NoError(t, err)
	assert.Equal(t, id, result.ID)
	assert.Len(t, w.Stored(t), 4, "synced, owner, sign-in, opened")
}

func TestChangeSettings(t *testing.T) {
	s := commandstest.NewScene(t)
	change := workspace.SettingsChanged{RemaskSeconds: new(60)}
	_, err := s.Workspaces.ChangeSettings(t.Context(), s.By(commandstest.Assignee), change)
	refused(t, err, domain.Forbidden, "permission_missing")
	_, err = s.Workspaces.ChangeSettings(t.Context(), s.By("test:stranger"), change)
	refused(t, err, domain.NotFound, "not_found")
	elsewhere := s.By(commandstest.Owner)
	elsewhere.Workspace = uuid.New()
	_, err = s.Workspaces.ChangeSettings(t.Context(), elsewhere, change)
	refused(t, err, domain.NotFound, "not_found")
	_, err = s.Workspaces.ChangeSettings(t.Context(), s.By(commandstest.Owner), workspace.SettingsChanged{RemaskSeconds: new(1)})
	refused(t, err, domain.Invalid, "out_of_range")

	_, err = s.Members.SetPermissions(t.Context(), s.By(commandstest.Owner), commandstest.Assignee, []domain.Permission{domain.SettingsManage})
	require.NoError(t, err)
	result, err := s.Workspaces.ChangeSettings(t.Context(), s.By(commandstest.Assignee), change)
	require.NoError(t, err)
	assert.True(t, result.Changed)
	s.Run.Index.View(func(f live.Facts) {
		settings, _ := f.Access.Settings(s.Workspace)
		assert.Equal(t, 60, settings.RemaskSeconds, "in force when it answers")
		assert.True(t, settings.Enabled, "what is left out stays")
	})
	again, err := s.Workspaces.ChangeSettings(t.Context(), s.By(commandstest.Assignee), change)
	require.NoError(t, err)
	assert.False(t, again.Changed)
	assert.Equal(t, result.Revision, again.Revision)
}
