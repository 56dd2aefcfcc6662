package reactions_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/reactions"
	"github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/workspace"
)

func TestOwnersLearnThatALimitWasReached(t *testing.T) {
	s := newScene(t)
	s.Settings(t, func(c *workspace.SettingsChanged) {
		c.RevealVerification, c.RevealLimitPerHour = &workspace.Verification{UnlockMinutes: 15}, new(1)
	})
	for id, email := range map[string]string{commandstest.Owner: "olga@example.com", "test:without": ""} {
		_, err := s.Members.Sync(t.Context(), s.By(commandstest.Owner), member.Profile{ID: id, Name: "Olga Owner", Email: email, Active: true})
		require.NoError(t, err)
		_, err = s.Members.SetOwner(t.Context(), s.By(commandstest.Owner), id, true)
		require.NoError(t, err)
	}
	s.reacting(s.World, func(m reactions.Mailer, l *slog.Logger) reactions.Reaction {
		return reactions.Alerts{Run: s.Run, Mailer: m, Logger: l}
	})
	for range 3 {
		_, _ = s.Gate.Reveal(t.Context(), s.By(sam), reveal.Ask{Secret: s.Secret, Field: "api_key"})
	}
	got := s.await(1)
	require.Len(t, got, 1)
	assert.Equal(t, []string{"olga@example.com"}, got[0].To)
	assert.Contains(t, got[0].Text, "Hello Olga Owner")
	assert.Contains(t, got[0].Text, "Sam Agent has reached the limit of 1 reveals an hour")
	assert.NotContains(t, s.logged.String(), "example.com")
}
