package member_test

import (
	"context"
	"fmt"
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
)

// leaving are the ways in which an owner may cease to be one.
var leaving = map[string]func(context.Context, members.Commands, commands.Request, string) error{
	"no longer an owner": func(ctx context.Context, c members.Commands, r commands.Request, id string) error {
		_, err := c.SetOwner(ctx, r, id, false)
		return err
	},
	"removed": func(ctx context.Context, c members.Commands, r commands.Request, id string) error {
		_, err := c.Remove(ctx, r, id)
		return err
	},
	"deactivated": func(ctx context.Context, c members.Commands, r commands.Request, id string) error {
		_, err := c.Patch(ctx, r, id, members.Change{Active: new(false)})
		return err
	},
}

// caughtUp returns the owners as an instance knows them once it has met all that is recorded.
func caughtUp(t *testing.T, s scene, w *commandstest.World) (list []string) {
	require.NoError(t, w.Run.Fresh(t.Context()))
	w.Run.Index.View(func(f live.Facts) { list = f.Access.Owners(s.Workspace) })
	return list
}

func TestTwoOwnersOnTwoInstancesDoNotEndEachOther(t *testing.T) {
	for name, leave := range leaving {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			_, err := s.Members.SetOwner(t.Context(), s.By(owner), second, true)
			require.NoError(t, err)
			elsewhere := s.Again(t)
			s.Log.BeforeAppend(domain.DirectoryStream(s.Workspace, domain.MemberKind, second), func() {
				require.NoError(t, leave(t.Context(), elsewhere.Members, s.By(second), owner), "first in the log")
			})
			var refusal *domain.Error
			require.ErrorAs(t, leave(t.Context(), s.Members, s.By(owner), second), &refusal)
			assert.Equal(t, []string{second}, caughtUp(t, s, s.World))
			assert.Equal(t, []string{second}, caughtUp(t, s, elsewhere))
		})
	}
}

func TestOwnersWhoLeaveAtOnceOnManyInstancesLeaveOneBehind(t *testing.T) {
	s := newScene(t)
	worlds := []*commandstest.World{s.World, s.Again(t), s.Again(t)}
	everybody := []string{owner, second, other}
	for _, id := range everybody[1:] {
		_, err := s.Members.SetOwner(t.Context(), s.By(owner), id, true)
		require.NoError(t, err)
	}
	var running sync.WaitGroup
	for i, w := range worlds {
		for _, id := range everybody {
			running.Go(func() {
				_, err := w.Members.SetOwner(t.Context(), s.By(everybody[i]), id, false)
				var refusal *domain.Error
				assert.True(t, err == nil || assert.ErrorAs(t, err, &refusal))
			})
		}
	}
	running.Wait()
	assert.Len(t, caughtUp(t, s, s.World), 1)
	assert.Equal(t, caughtUp(t, s, s.World), caughtUp(t, s, worlds[1]))
}

func TestOneSignInIsOneMembersOnManyInstances(t *testing.T) {
	s := newScene(t)
	const issuer = "https://issuer"
	bind := func(w *commandstest.World, id, subject string) error {
		_, err := w.Members.BindIdentity(t.Context(), s.By(owner), id, issuer, subject)
		return err
	}
	elsewhere := s.Again(t)
	s.Log.BeforeAppend(domain.DirectoryStream(s.Workspace, domain.MemberKind, second), func() {
		require.NoError(t, bind(elsewhere, other, "sub"), "first in the log")
	})
	refused(t, bind(s.World, second, "sub"), domain.Conflict, "identity_taken")
	assert.Nil(t, s.state(t, second).Identity, "what came too late was taken back")
	for _, w := range []*commandstest.World{s.World, elsewhere} {
		assert.Equal(t, []string{other}, holders(t, w, issuer, "sub"))
	}

	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			w, id := []*commandstest.World{s.World, elsewhere}[i%2], []string{second, other}[i/4]
			_ = bind(w, id, fmt.Sprint("sub", i%2))
		})
	}
	running.Wait()
	for _, subject := range []string{"sub0", "sub1"} {
		assert.LessOrEqual(t, len(holders(t, s.World, issuer, subject)), 1)
		assert.Equal(t, holders(t, s.World, issuer, subject), holders(t, elsewhere, issuer, subject))
	}
}

func TestARecordedSignInThatWasLostCanBeBoundAgain(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	_, hash, err := s.Members.Hasher.Identity("https://issuer", "sub")
	require.NoError(t, err)
	_, err = s.Members.BindIdentity(ctx, s.By(owner), other, "https://issuer", "sub")
	require.NoError(t, err)
	_, err = commands.Run(ctx, s.Run, s.By(owner), s.By(owner).Command(), members.Aggregate(s.Workspace, second), // and then a crash
		func(st member.State) ([]domain.Event, error) { return member.BindIdentity(st, "https://issuer", hash) })
	require.NoError(t, err)
	assert.Equal(t, []string{other}, holders(t, s.World, "https://issuer", "sub"), "the first one keeps it")
	_, err = s.Members.BindIdentity(ctx, s.By(owner), second, "https://issuer", "sub")
	refused(t, err, domain.Conflict, "identity_taken")
	_, err = s.Members.UnbindIdentity(ctx, s.By(manager), other)
	refused(t, err, domain.Forbidden, "owners_only")
	_, err = s.Members.UnbindIdentity(ctx, s.By(owner), other)
	require.NoError(t, err)
	assert.Empty(t, holders(t, s.World, "https://issuer", "sub"))
	_, err = s.Members.BindIdentity(ctx, s.By(owner), second, "https://issuer", "sub")
	require.NoError(t, err)
	assert.Equal(t, []string{second}, holders(t, s.World, "https://issuer", "sub"))
}

// holders returns whose sign-in it is on an instance that has met all that is recorded.
func holders(t *testing.T, w *commandstest.World, issuer, subject string) (list []string) {
	require.NoError(t, w.Run.Fresh(t.Context()))
	w.Run.Index.View(func(f live.Facts) {
		for _, m := range f.Access.Memberships(w.Members.Hasher.Subject(issuer, subject)) {
			list = append(list, m.Member)
		}
	})
	return list
}
