package member_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/live"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const (
	owner   = commandstest.Owner
	manager = "test:manager" // of the directory, no owner
	other   = commandstest.Other
	second  = "test:second"
)

func refused(t *testing.T, err error, kind domain.Kind, code string) {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	assert.Equal(t, kind, e.Kind)
}

type scene struct{ *commandstest.Scene }

func newScene(t *testing.T) scene {
	s := scene{commandstest.NewScene(t)}
	for _, id := range []string{manager, second} {
		_, err := s.Members.Sync(t.Context(), s.By(owner), member.Profile{ID: id, Name: id, Active: true})
		require.NoError(t, err)
	}
	_, err := s.Members.SetPermissions(t.Context(), s.By(owner), manager, []domain.Permission{domain.DirectoryManage})
	require.NoError(t, err)
	return s
}

func (s scene) owners() (list []string) {
	s.Run.Index.View(func(f live.Facts) { list = f.Access.Owners(s.Workspace) })
	return list
}

func (s scene) state(t *testing.T, id string) member.State {
	state, err := commands.Load(t.Context(), s.Run, s.Workspace, members.Aggregate(s.Workspace, id))
	require.NoError(t, err)
	return state
}

// everything is each command about a member, with whether owners only may.
func (s scene) everything(t *testing.T) map[string]func(commands.Request) error {
	ctx, c := t.Context(), s.Members
	only := func(_ commands.Result, err error) error { return err }
	return map[string]func(commands.Request) error{
		"directory: sync": func(r commands.Request) error {
			return only(c.Sync(ctx, r, member.Profile{ID: other, Name: "Synced", Active: true}))
		},
		"directory: patch": func(r commands.Request) error {
			return only(c.Patch(ctx, r, other, members.Change{Title: new("Agent")}))
		},
		"directory: remove": func(r commands.Request) error { return only(c.Remove(ctx, r, second)) },
		"owner: permissions": func(r commands.Request) error {
			return only(c.SetPermissions(ctx, r, other, []domain.Permission{domain.AuditRead}))
		},
		"owner: owner":    func(r commands.Request) error { return only(c.SetOwner(ctx, r, other, true)) },
		"owner: identity": func(r commands.Request) error { return only(c.BindIdentity(ctx, r, other, "https://issuer", "sub")) },
	}
}

func TestWhoMayChangeMembers(t *testing.T) {
	s := newScene(t)
	before := len(s.Stored(t))
	for name, do := range s.everything(t) {
		refused(t, do(s.By("test:stranger")), domain.NotFound, "not_found")
		if name[0] == 'o' {
			refused(t, do(s.By(manager)), domain.Forbidden, "owners_only")
		} else {
			refused(t, do(s.By(other)), domain.Forbidden, "permission_missing")
		}
		service := s.By(owner)
		service.Actor.Kind = domain.Service
		refused(t, do(service), domain.NotFound, "not_found")
	}
	assert.Len(t, s.Stored(t), before)
	for name, do := range s.everything(t) {
		by := s.By(owner)
		if name[0] == 'd' {
			by = s.By(manager)
		}
		require.NoError(t, do(by), name)
		once := len(s.Stored(t))
		require.NoError(t, do(by), name)
		assert.Len(t, s.Stored(t), once, "%s repeated", name)
	}
}

func TestInactiveOwnerMayNothing(t *testing.T) {
	s := newScene(t)
	_, err := s.Members.SetOwner(t.Context(), s.By(owner), second, true)
	require.NoError(t, err)
	_, err = s.Members.Patch(t.Context(), s.By(owner), second, members.Change{Active: new(false)})
	require.NoError(t, err)
	_, err = s.Members.SetOwner(t.Context(), s.By(second), other, true)
	refused(t, err, domain.NotFound, "not_found")
}

func TestLastOwnerStays(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	stay := func() {
		t.Helper()
		before := len(s.Stored(t))
		_, err := s.Members.SetOwner(ctx, s.By(owner), owner, false)
		refused(t, err, domain.Conflict, "last_owner")
		_, err = s.Members.Remove(ctx, s.By(owner), owner)
		refused(t, err, domain.Conflict, "last_owner")
		_, err = s.Members.Patch(ctx, s.By(manager), owner, members.Change{Active: new(false)})
		refused(t, err, domain.Conflict, "last_owner")
		_, err = s.Members.Sync(ctx, s.By(manager), member.Profile{ID: owner, Name: "Owner"})
		refused(t, err, domain.Conflict, "last_owner")
		assert.Len(t, s.Stored(t), before)
	}
	stay()
	_, err := s.Members.SetOwner(ctx, s.By(owner), second, true)
	require.NoError(t, err)
	_, err = s.Members.Patch(ctx, s.By(manager), second, members.Change{Active: new(false)})
	require.NoError(t, err, "there is another one")
	stay() // an inactive one does not count
	_, err = s.Members.Patch(ctx, s.By(manager), second, members.Change{Active: new(true)})
	require.NoError(t, err)
	_, err = s.Members.SetOwner(ctx, s.By(second), owner, false)
	require.NoError(t, err)
	assert.Equal(t, []string{second}, s.owners())
}

func TestOutdatedFactsAboutTheLastOwnerAreIgnored(t *testing.T) {
	s := newScene(t)
	_, err := s.Members.Sync(t.Context(), s.By(manager), member.Profile{ID: owner, Name: "Owner", Active: true, SourceVersion: "2026-01-02T00:00:00Z"})
	require.NoError(t, err)
	result, err := s.Members.Sync(t.Context(), s.By(manager), member.Profile{ID: owner, Name: "Owner", SourceVersion: "2026-01-01T00:00:00Z"})
	require.NoError(t, err, "they say nothing of now")
	assert.False(t, result.Changed)
}

func TestOwnersCannotBeRemovedByTheDirectoryAlone(t *testing.T) {
	s := newScene(t)
	_, err := s.Members.SetOwner(t.Context(), s.By(owner), second, true)
	require.NoError(t, err)
	_, err = s.Members.Remove(t.Context(), s.By(manager), second)
	refused(t, err, domain.Forbidden, "owners_only")
	_, err = s.Members.Remove(t.Context(), s.By(owner), second)
	require.NoError(t, err)
	assert.Equal(t, []string{owner}, s.owners())
}

func TestOwnersWhoEndEachOther(t *testing.T) {
	s := newScene(t)
	ctx := context.Background()
	for range 10 {
		_, err := s.Members.SetOwner(ctx, commands.Request{Workspace: s.Workspace, Actor: domain.Actor{Kind: domain.Operator}}, second, true)
		require.NoError(t, err)
		_, err = s.Members.SetOwner(ctx, commands.Request{Workspace: s.Workspace, Actor: domain.Actor{Kind: domain.Operator}}, owner, true)
		require.NoError(t, err)
		var running sync.WaitGroup
		running.Go(func() { _, _ = s.Members.SetOwner(ctx, s.By(owner), second, false) })
		running.Go(func() { _, _ = s.Members.SetOwner(ctx, s.By(second), owner, false) })
		running.Wait()
		require.Len(t, s.owners(), 1)
	}
}

func TestSyncGivesNoRights(t *testing.T) {
	s := newScene(t)
	_, err := s.Members.Sync(t.Context(), s.By(manager), member.Profile{ID: "test:new", Name: "New", Email: "New@Example.com", Active: true})
	require.NoError(t, err)
	state := s.state(t, "test:new")
	assert.Empty(t, state.Permissions)
	assert.False(t, state.Owner)
	assert.Nil(t, state.Identity)
	assert.Equal(t, s.Members.Hasher.Email("new@example.com"), state.Profile.EmailHash)

	_, err = s.Members.Patch(t.Context(), s.By(manager), "test:new", members.Change{Email: new("")})
	require.NoError(t, err)
	state = s.state(t, "test:new")
	assert.Empty(t, state.Profile.EmailHash)
	assert.Equal(t, "New", state.Profile.Name, "what a patch leaves out stays")
	assert.True(t, state.Profile.Active)
	_, err = s.Members.Patch(t.Context(), s.By(manager), "test:nobody", members.Change{Email: new("")})
	refused(t, err, domain.NotFound, "member_not_found")
}

func TestRemovedMemberReturnsWithoutRights(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	_, err := s.Members.BindIdentity(ctx, s.By(owner), other, "https://issuer", "sub")
	require.NoError(t, err)
	_, err = s.Members.Remove(ctx, s.By(manager), other)
	require.NoError(t, err)
	_, err = s.Members.Sync(ctx, s.By(manager), member.Profile{ID: other, Name: "Other", Active: true})
	require.NoError(t, err)
	state := s.state(t, other)
	assert.Empty(t, state.Permissions)
	assert.Nil(t, state.Identity)
	_, err = s.Members.BindIdentity(ctx, s.By(owner), second, "https://issuer", "sub")
	require.NoError(t, err, "the sign-in is free again")
}

func TestIdentityIsOneMembersAtATime(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	_, err := s.Members.BindIdentity(ctx, s.By(owner), other, "https://issuer", "sub")
	require.NoError(t, err)
	_, err = s.Members.BindIdentity(ctx, s.By(owner), second, "https://issuer", "sub")
	refused(t, err, domain.Conflict, "identity_taken")
	_, err = s.Members.BindIdentity(ctx, s.By(owner), second, " https://issuer ", "sub")
	refused(t, err, domain.Conflict, "identity_taken")
	_, err = s.Members.BindIdentity(ctx, s.By(owner), second, "https://issuer", "Sub")
	require.NoError(t, err, "subjects differ by case")
	_, err = s.Members.BindIdentity(ctx, s.By(owner), other, "https://issuer", "sub2")
	require.NoError(t, err)
	_, err = s.Members.BindIdentity(ctx, s.By(owner), second, "https://issuer", "sub")
	require.NoError(t, err, "given up by the other")

	for _, subject := range []string{"", " "} {
		_, err = s.Members.BindIdentity(ctx, s.By(owner), other, "https://issuer", subject)
		refused(t, err, domain.Invalid, "text_required")
	}
	_, err = s.Members.BindIdentity(ctx, s.By(owner), other, "", "sub3")
	refused(t, err, domain.Invalid, "text_required")
}

func TestSameIdentityForTwoAtOnce(t *testing.T) {
	s := newScene(t)
	for _, subject := range []string{"a", "b", "c", "d", "e", "f"} {
		outcomes := make(chan error, 2)
		for _, id := range []string{other, second} {
			go func() {
				_, err := s.Members.BindIdentity(context.Background(), s.By(owner), id, "https://issuer", subject)
				outcomes <- err
			}()
		}
		first, last := <-outcomes, <-outcomes
		assert.True(t, (first == nil) != (last == nil), "one of them has it")
	}
}
