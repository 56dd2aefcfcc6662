package reactions_test

import (
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/invitation"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/commands/reactions"
)

// inviting runs the reaction that mails invitations.
func (s scene) inviting(w *commandstest.World) (stop func()) {
	return s.reacting(w, func(m reactions.Mailer, l *slog.Logger) reactions.Reaction {
		return reactions.Invitations{Run: w.Run, Tokens: w.Invitations.Tokens, Mailer: m, Logger: l}
	})
}

var tokens = regexp.MustCompile(`(?m)^csi_[\w-]+$`)

func TestAnInvitationComesByMailAndIsAccepted(t *testing.T) {
	s := newScene(t)
	s.inviting(s.World)
	invite := func() {
		_, err := s.Invitations.Invite(t.Context(), s.By(commandstest.Owner), sam)
		require.NoError(t, err)
	}
	invite()
	got := s.await(1)[0]
	assert.Equal(t, []string{"sam@example.com"}, got.To)
	assert.Contains(t, got.Text, "Hello Sam Agent,")
	token := tokens.FindString(got.Text)
	assert.NotContains(t, got.Subject, token)
	assert.NotContains(t, got.Text, "://", "a token does not belong into an address")
	done, err := s.Invitations.Accept(t.Context(), commands.Request{}, invitation.SignIn{Issuer: "https://id", Subject: "sam"}, invitation.Token(token))
	require.NoError(t, err)
	assert.Equal(t, sam, done.Member)
	assert.NotContains(t, s.logged.String(), token)
	assert.NotContains(t, s.logged.String(), "sam@example.com")
}

func TestAnInvitationThatIsOverIsNotSent(t *testing.T) {
	s := newScene(t)
	_, err := s.Invitations.Invite(t.Context(), s.By(commandstest.Owner), sam)
	require.NoError(t, err)
	s.address("new@example.com")
	stop := s.inviting(s.World)
	s.followed("mail-invitations")
	stop()
	assert.Empty(t, s.inbox.Mails())
}

func TestAnInvitationThatIsRefusedForGoodIsEnded(t *testing.T) {
	s := newScene(t)
	s.inbox.Refuse(550)
	s.inviting(s.World)
	_, err := s.Invitations.Invite(t.Context(), s.By(commandstest.Owner), sam)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		state, err := commands.Load(t.Context(), s.Run, s.Workspace, members.Aggregate(s.Workspace, sam))
		return err == nil && state.Invitation == nil
	}, 20*time.Second, 20*time.Millisecond)
}
