package http

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	members "github.com/kdesk/client-secrets/commands/member"
)

func TestAnInvitedMemberSignsIn(t *testing.T) {
	w := newWorld(t)
	const id = "test:ann"
	path := w.api + "/members/" + url.PathEscape(id)
	require.Equal(t, 200, w.as(t, owner, "PUT", path, `{"name":"Ann","email":"ann@example.com"}`).StatusCode)
	got := w.as(t, owner, "POST", path+"/invitation", "")
	require.Equal(t, 202, got.StatusCode, string(got.body))
	var sent InvitationSent
	got.into(t, &sent)
	require.Equal(t, "a•••@example.com", sent.SentTo)
	require.WithinDuration(t, time.Now().Add(7*24*time.Hour), sent.ExpiresAt, time.Minute)

	state, err := commands.Load(t.Context(), w.Run, w.Workspace, members.Aggregate(w.Workspace, id))
	require.NoError(t, err)
	token, err := w.World.Invitations.Tokens.Of(t.Context(), w.Workspace, id, *state.Invitation)
	require.NoError(t, err)
	accept := func(who, token string) answered {
		return w.as(t, who, "POST", "/v1/invitations/accept", fmt.Sprintf(`{"token":%q}`, token))
	}
	require.Equal(t, 404, w.get(t, "ann", w.api+"/settings").StatusCode)
	got = accept("ann", string(token))
	require.Equal(t, 200, got.StatusCode, string(got.body))
	require.JSONEq(t, fmt.Sprintf(`{"workspace":%q,"member":%q}`, w.Workspace, id), string(got.body))
	require.Equal(t, 200, w.get(t, "ann", w.api+"/settings").StatusCode)
	require.NotContains(t, w.logged.String(), string(token))

	used, made := accept("eve", string(token)), accept("eve", "csi_made_up")
	require.Equal(t, 404, used.StatusCode)
	require.Equal(t, "invitation_not_valid", used.code(t))
	require.Equal(t, string(made.body), string(used.body))
	for range maxRefusals - 2 {
		require.Equal(t, 404, accept("eve", "csi_made_up").StatusCode)
	}
	slowed := accept("eve", "csi_made_up")
	require.Equal(t, 429, slowed.StatusCode)
	require.NotEmpty(t, slowed.Header.Get("Retry-After"))
	require.Equal(t, 404, accept("somebody else", "csi_made_up").StatusCode)
}

func TestRefusalsAreForgotten(t *testing.T) {
	r, now := newRefusals(), time.Now()
	for i := range maxRefusals + 5 {
		require.Equal(t, i >= maxRefusals, r.check("a", now) != nil)
		r.note("a", now)
	}
	require.NoError(t, r.check("b", now))
	require.Error(t, r.check("a", now.Add(refusalWindow-time.Second)))
	require.NoError(t, r.check("a", now.Add(refusalWindow)))
}
