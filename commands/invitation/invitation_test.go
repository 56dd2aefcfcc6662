package invitation_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/invitation"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const ann = "test:ann"

type scene struct {
	*commandstest.Scene
	t *testing.T
}

func newScene(t *testing.T) scene {
	s := scene{commandstest.NewScene(t), t}
	s.told(ann, "ann@example.com")
	return s
}

func (s scene) told(id, email string) {
	_, err := s.Members.Sync(s.t.Context(), s.By(commandstest.Owner), member.Profile{ID: id, Name: "Ann", Email: email, Active: true})
	require.NoError(s.t, err)
}

// invite returns the token that is mailed.
func (s scene) invite(id string) invitation.Token {
	s.t.Helper()
	made, err := s.Invitations.Invite(s.t.Context(), s.By(commandstest.Owner), id)
	require.NoError(s.t, err)
	assert.Equal(s.t, "a•••@example.com", made.SentTo)
	state, err := commands.Load(s.t.Context(), s.Run, s.Workspace, members.Aggregate(s.Workspace, id))
	require.NoError(s.t, err)
	require.Equal(s.t, made.ID, state.Invitation.ID)
	require.Equal(s.t, made.ExpiresAt, state.Invitation.ExpiresAt)
	token, err := s.Invitations.Tokens.Of(s.t.Context(), s.Workspace, id, *state.Invitation)
	require.NoError(s.t, err)
	return token
}

func (s scene) accept(w *commandstest.World, subject string, token invitation.Token) error {
	_, err := w.Invitations.Accept(s.t.Context(), commands.Request{}, invitation.SignIn{Issuer: "https://id", Subject: subject, Session: "s"}, token)
	return err
}

func refused(t *testing.T, err error, code string) {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
}

func TestALostAnswerIsRepeatedByAnInstanceThatIsBehind(t *testing.T) {
	s := newScene(t)
	other := s.Again(t)
	for i := range 40 { // it is behind now and then
		id := fmt.Sprintf("test:%d", i)
		s.told(id, fmt.Sprintf("a%d@example.com", i))
		token := s.invite(id)
		require.NoError(t, s.accept(s.World, id, token))
		require.NoError(t, s.accept(other, id, token))
	}
}

func TestAnInvitationGivesASignIn(t *testing.T) {
	s := newScene(t)
	token := s.invite(ann)
	done, err := s.Again(t).Invitations.Accept(t.Context(), commands.Request{}, invitation.SignIn{Issuer: "https://id", Subject: "a", Session: "s"},
		"  "+token[:20]+"\n"+token[20:]+" ")
	require.NoError(t, err, "on another instance, as it was pasted")
	assert.Equal(t, s.Workspace, done.Workspace)
	assert.Equal(t, ann, done.Member)
	require.NoError(t, s.accept(s.World, "a", token), "the answer was lost")
	refused(t, s.accept(s.World, "b", token), "invitation_not_valid")
	_, err = s.Invitations.Invite(t.Context(), s.By(commandstest.Owner), ann)
	refused(t, err, "identity_bound")
	for _, r := range s.Stored(t) {
		assert.NotContains(t, string(r.Data)+string(r.Metadata), string(token[4:]))
	}
}

func TestWhoMayInvite(t *testing.T) {
	s := newScene(t)
	_, err := s.Invitations.Invite(t.Context(), s.By(commandstest.Assignee), ann)
	refused(t, err, "owners_only")
	_, err = s.Invitations.Withdraw(t.Context(), s.By(commandstest.Assignee), ann)
	refused(t, err, "owners_only")
	_, err = s.Invitations.Invite(t.Context(), s.By("test:stranger"), ann)
	refused(t, err, "not_found")
	_, err = s.Invitations.Invite(t.Context(), s.By(commandstest.Owner), "test:stranger")
	refused(t, err, "member_not_found")
	s.Invitations.Mails = false
	_, err = s.Invitations.Invite(t.Context(), s.By(commandstest.Owner), ann)
	refused(t, err, "mail_unavailable")
}

// Whatever is wrong with an invitation, whoever holds it gets one and the same answer.
func TestInvitationsThatAreNotValid(t *testing.T) {
	s := newScene(t)
	by := s.By(commandstest.Owner)
	for name, end := range map[string]func(id string){
		"another address": func(id string) { s.told(id, "new@example.com") },
		"withdrawn": func(id string) {
			_, err := s.Invitations.Withdraw(t.Context(), by, id)
			require.NoError(t, err)
		},
		"removed": func(id string) {
			_, err := s.Members.Remove(t.Context(), by, id)
			require.NoError(t, err)
		},
		"replaced": func(id string) { s.invite(id) },
		"bound": func(id string) {
			_, err := s.Members.BindIdentity(t.Context(), by, id, "https://id", uuid.NewString())
			require.NoError(t, err)
		},
	} {
		id := "test:" + strings.ReplaceAll(name, " ", "-")
		s.told(id, "ann@example.com")
		token := s.invite(id)
		end(id)
		err := s.accept(s.World, "somebody", token)
		require.ErrorIs(t, err, member.ErrInvitation, name)
		assert.Equal(t, member.ErrInvitation.Error(), err.Error(), name)
	}
	token := s.invite(ann)
	raw, err := base64.RawURLEncoding.DecodeString(string(token[4:]))
	require.NoError(t, err)
	made := len(s.Stored(t))
	for i := range raw {
		forged := append([]byte(nil), raw...)
		forged[i] ^= 1
		require.ErrorIs(t, s.accept(s.World, "somebody", invitation.Token("csi_"+base64.RawURLEncoding.EncodeToString(forged))), member.ErrInvitation)
	}
	for _, bad := range []invitation.Token{"", "csi_", token[4:], token[:50], "csi_" + token, token + "AAAA"} {
		require.ErrorIs(t, s.accept(s.World, "somebody", bad), member.ErrInvitation)
	}
	later := s.Again(t)
	later.Run.Now = func() time.Time { return time.Now().Add(member.InvitationValidity) }
	require.ErrorIs(t, s.accept(later, "somebody", token), member.ErrInvitation)
	assert.Len(t, s.Stored(t), made, "guessing leaves nothing in the log")
}

func TestAnInvitationIsGoodOnceOnManyInstances(t *testing.T) {
	s := newScene(t)
	token := s.invite(ann)
	worlds := []*commandstest.World{s.World, s.Again(t)}
	errs := make([]error, 8)
	var running sync.WaitGroup
	for i := range errs {
		running.Go(func() { errs[i] = s.accept(worlds[i%2], fmt.Sprint("subject ", i), token) })
	}
	running.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(t, err, member.ErrInvitation)
	}
	assert.Equal(t, 1, won)
}

func TestASignInOfAnotherMemberAcceptsNothing(t *testing.T) {
	s := newScene(t)
	_, err := s.Members.BindIdentity(t.Context(), s.By(commandstest.Owner), commandstest.Other, "https://id", "other")
	require.NoError(t, err)
	token := s.invite(ann)
	refused(t, s.accept(s.World, "other", token), "identity_taken")
	require.NoError(t, s.accept(s.World, "ann", token), "nothing was used up")
}

func TestTokensAreNeverPrinted(t *testing.T) {
	token := invitation.Token("csi_secret")
	encoded, err := json.Marshal(map[string]any{"token": token})
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s %q", token, token, token, token, token)+token.LogValue().String()+string(encoded), "secret")
}
