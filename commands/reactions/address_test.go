package reactions_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/commands/reactions"
)

// noticing runs the reaction that tells of changed addresses.
func (s scene) noticing(w *commandstest.World) (stop func()) {
	return s.reacting(w, func(m reactions.Mailer, l *slog.Logger) reactions.Reaction {
		return reactions.AddressChanges{Run: w.Run, Mailer: m, Logger: l}
	})
}

func TestTheFormerAddressLearnsThatItWasChanged(t *testing.T) {
	s := newScene(t) // it gives a first address, which replaces none
	s.noticing(s.World)
	s.address("sam@example.com")
	_, err := s.Members.Patch(t.Context(), s.By(commandstest.Owner), sam, members.Change{Title: new("Lead"), Email: new("SAM@example.com")})
	require.NoError(t, err, "the same for any spelling")
	changed := time.Now()
	s.address("new@example.com")
	got := s.await(1)
	assert.Equal(t, []string{"SAM@example.com"}, got[0].To)
	assert.Contains(t, got[0].Text, "Hello Sam Agent,")
	day := func(at time.Time) string { return at.Add(24 * time.Hour).UTC().Format("2 January 2006") }
	assert.Regexp(t, day(changed)+"|"+day(time.Now()), got[0].Text, "midnight may come in between")
	assert.NotContains(t, got[0].Text, "new@example.com")
	s.address("")
	assert.Equal(t, []string{"new@example.com"}, s.await(2)[0].To)
	s.address("third@example.com")
	s.followed("mail-address-changes")
	assert.Len(t, s.inbox.Mails(), 2, "nobody read the one before")
	assert.NotContains(t, s.logged.String(), "example.com")
}

func TestNobodyIsToldOfWhatTheyLeftOrOfOldChanges(t *testing.T) {
	s := newScene(t)
	_, err := s.Members.Remove(t.Context(), s.By(commandstest.Owner), sam)
	require.NoError(t, err)
	s.address("next@example.com") // of the next incarnation
	stop := s.noticing(s.World)
	s.followed("mail-address-changes")
	stop()
	assert.Empty(t, s.inbox.Mails())

	s.address("new@example.com")
	later := s.Again(t)
	later.Run = &commands.Runner{Log: later.Log, Codec: later.Codec, Index: later.Run.Index, Now: func() time.Time { return time.Now().Add(25 * time.Hour) }}
	stop = s.noticing(later)
	s.followed("mail-address-changes")
	stop()
	assert.Empty(t, s.inbox.Mails())
}
