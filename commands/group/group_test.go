package group_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// A member who was removed and returns is in no group and owns no contact, until the directory names them again, even in
// the very list that it told before.
func TestAMemberWhoReturnsIsInAGroupOnceTheDirectorySaysSo(t *testing.T) {
	s := commandstest.NewScene(t)
	ctx, by, who := t.Context(), s.By(commandstest.Owner), commandstest.Other
	say := func() {
		_, err := s.Groups.Sync(ctx, by, "test:group", "Group", []string{who, commandstest.Assignee})
		require.NoError(t, err)
		_, err = s.Contacts.Sync(ctx, by, contact.Profile{ID: "test:contact", Name: "C", Owners: []string{who}})
		require.NoError(t, err)
	}
	arrive := func() {
		_, err := s.Members.Sync(ctx, by, member.Profile{ID: who, Name: "Other", Active: true})
		require.NoError(t, err)
		_, err = s.Members.SetPermissions(ctx, by, who, []domain.Permission{domain.SecretsView})
		require.NoError(t, err)
	}
	sees := func() (allowed bool) {
		s.Run.Index.View(func(f live.Facts) {
			allowed = f.Access.Decide(access.Request{Workspace: s.Workspace, Actor: s.By(who).Actor, Action: access.View, Secret: s.Secret, At: s.Run.Now()}).Allowed
		})
		return allowed
	}
	say()
	_, err := s.Secrets.Grant(ctx, by, s.Secret, secret.ToGroup, "test:group")
	require.NoError(t, err)
	require.True(t, sees())
	_, err = s.Members.Remove(ctx, by, who)
	require.NoError(t, err)
	arrive()
	assert.False(t, sees(), "a new incarnation inherits nothing")
	say()
	assert.True(t, sees(), "what is said of it counts")
	s.Run.Index.View(func(f live.Facts) {
		assert.Empty(t, f.Access.NotOwning(s.Workspace, "test:contact", []string{who}))
		assert.Equal(t, []string{"test:nobody"}, f.Access.OutsideGroup(s.Workspace, "test:group", []string{who, "test:nobody"}))
	})
	once := len(s.Stored(t))
	say()
	assert.Len(t, s.Stored(t), once, "once")
}
