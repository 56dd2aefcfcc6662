package reveal_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	gate "github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func ask(s *commandstest.Scene) gate.Ask {
	return gate.Ask{Secret: s.Secret, Field: "api_key", Ticket: commandstest.Ticket, Reason: "the client called"}
}

func refused(t *testing.T, err error, kind domain.Kind, code string) {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	assert.Equal(t, kind, e.Kind)
}

func TestRevealIsRecordedBeforeItAnswers(t *testing.T) {
	s := commandstest.NewScene(t)
	revealed, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), ask(s))
	require.NoError(t, err)
	assert.Equal(t, commandstest.Value, string(revealed.Value))
	assert.Equal(t, 1, revealed.ValueVersion)
	assert.Equal(t, 30*time.Second, revealed.RemaskAfter)

	events := s.Reveals(t)
	require.Len(t, events, 1)
	fact := events[0].Event.(reveal.FieldRevealed)
	assert.Equal(t, "the client called", fact.Reason.Text)
	assert.Equal(t, commandstest.Assignee, fact.Member)
	assert.Equal(t, events[0].ID, revealed.Receipt.EventID)
	assert.Equal(t, events[0].Revision, revealed.Receipt.Revision)
	assert.Equal(t, "rule", revealed.Receipt.Decision.Via)
	assert.Equal(t, commandstest.Ticket, revealed.Receipt.Decision.Ticket)
	assert.NotEmpty(t, revealed.Receipt.Decision.Evidence)
}

func TestRevocationBeforeRefuses(t *testing.T) {
	s := commandstest.NewScene(t)
	s.Assign(t, commandstest.Other)
	_, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), ask(s))
	refused(t, err, domain.NotFound, "not_found")
	assert.Zero(t, s.Vault.Opened())

	events := s.AwaitReveals(t, 1)
	denied := events[0].Event.(reveal.Denied)
	assert.Equal(t, "no_grant", denied.Code)
	assert.Equal(t, commandstest.Assignee, denied.Member)
}

func TestRevocationThatOvertakesWithholds(t *testing.T) {
	s := commandstest.NewScene(t)
	s.Log.BeforeAppend(domain.Stream(domain.RevealsKind, s.Workspace), func() { s.Assign(t, commandstest.Other) })
	_, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), ask(s))
	refused(t, err, domain.NotFound, "not_found")
	assert.Zero(t, s.Vault.Opened(), "nothing may be decrypted that was revoked before its own position")

	events := s.Reveals(t)
	require.Len(t, events, 2)
	withheld := events[1].Event.(reveal.Withheld)
	assert.Equal(t, events[0].ID, withheld.Of)
	assert.Equal(t, "no_grant", withheld.Code)
}

func TestLogDownRefusesAndDecryptsNothing(t *testing.T) {
	s := commandstest.NewScene(t)
	s.Server.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := s.Gate.Reveal(ctx, s.By(commandstest.Assignee), ask(s))
	refused(t, err, domain.Unavailable, "log_unavailable")
	assert.Zero(t, s.Vault.Opened())

	s.Server.Restart(t)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		revealed, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), ask(s))
		assert.NoError(c, err)
		assert.Equal(c, commandstest.Value, string(revealed.Value))
	}, 30*time.Second, 50*time.Millisecond, "it resumes by itself")
}

func TestRepeatedRequestIsRecordedAnew(t *testing.T) {
	s := commandstest.NewScene(t)
	first, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), ask(s))
	require.NoError(t, err)
	again := ask(s)
	again.RetryOf = first.Receipt.EventID
	second, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), again)
	require.NoError(t, err)
	assert.NotEqual(t, first.Receipt.EventID, second.Receipt.EventID)

	events := s.Reveals(t)
	require.Len(t, events, 2)
	assert.Equal(t, first.Receipt.EventID, events[1].Event.(reveal.FieldRevealed).RetryOf)
}

func TestAWayInThatTheRevealerMadeIsFlagged(t *testing.T) {
	s := commandstest.NewScene(t)
	_, err := s.Members.SetPermissions(t.Context(), s.By(commandstest.Owner), commandstest.Other,
		[]domain.Permission{domain.SecretsView, domain.SecretsReveal, domain.DirectoryManage})
	require.NoError(t, err)
	_, err = s.Tickets.Sync(t.Context(), s.By(commandstest.Other), ticket.Facts{
		ID: commandstest.Ticket, Subject: "Help", Status: ticket.Open, Assignees: []string{commandstest.Other},
	})
	require.NoError(t, err)
	got, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Other), ask(s))
	require.NoError(t, err)
	assert.Equal(t, []string{reveal.FlagSelfGranted}, got.Receipt.Flags)
	events := s.Reveals(t)
	assert.Equal(t, []string{reveal.FlagSelfGranted}, events[len(events)-1].Event.(reveal.FieldRevealed).Flags)
}

func TestRefusals(t *testing.T) {
	s := commandstest.NewScene(t)
	by := func(member string, change func(*gate.Ask)) error {
		a := ask(s)
		change(&a)
		_, err := s.Gate.Reveal(t.Context(), s.By(member), a)
		return err
	}
	as := func(*gate.Ask) {}
	t.Run("somebody without access does not learn that the secret is there", func(t *testing.T) {
		hidden := by(commandstest.Other, as)
		absent := by(commandstest.Other, func(a *gate.Ask) { a.Secret = uuid.New() })
		assert.Equal(t, hidden, absent)
		refused(t, hidden, domain.NotFound, "not_found")
	})
	t.Run("a field without a value", func(t *testing.T) {
		refused(t, by(commandstest.Assignee, func(a *gate.Ask) { a.Field = "note" }), domain.Conflict, "value_not_set")
	})
	t.Run("a field that the template does not have", func(t *testing.T) {
		refused(t, by(commandstest.Assignee, func(a *gate.Ask) { a.Field = "nothing" }), domain.NotFound, "not_found")
	})
	t.Run("an older value is for those who manage", func(t *testing.T) {
		_, err := s.Secrets.SetValue(t.Context(), s.By(commandstest.Owner), s.Secret, "api_key", "the next one")
		require.NoError(t, err)
		refused(t, by(commandstest.Assignee, func(a *gate.Ask) { a.ValueVersion = 1 }), domain.Forbidden, "older_version")
		old, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Owner), gate.Ask{Secret: s.Secret, Field: "api_key", ValueVersion: 1})
		require.NoError(t, err)
		assert.Equal(t, commandstest.Value, string(old.Value))
		assert.Contains(t, old.Receipt.Flags, reveal.FlagOlderVersion)
	})
	t.Run("a reason that is required", func(t *testing.T) {
		s.Settings(t, func(c *workspace.SettingsChanged) { c.Reason = new(workspace.ReasonRequired) })
		for _, nothing := range []string{"", "  ", "\r\n", "\u00a0", "\u200b", "\u2800"} {
			refused(t, by(commandstest.Assignee, func(a *gate.Ask) { a.Reason = nothing }), domain.Required, "reason_required")
		}
	})
	t.Run("a limit per hour, in force at once", func(t *testing.T) {
		s.Settings(t, func(c *workspace.SettingsChanged) { c.RevealLimitPerHour = new(1) })
		require.NoError(t, by(commandstest.Assignee, as))
		err := by(commandstest.Assignee, as)
		refused(t, err, domain.TooMany, "reveal_limit")
		var limited *domain.Error
		require.ErrorAs(t, err, &limited)
		assert.Greater(t, limited.Wait, 55*time.Minute, "until the first one is an hour ago")
		assert.LessOrEqual(t, limited.Wait, 61*time.Minute)
	})
	t.Run("the module switched off", func(t *testing.T) {
		s.Settings(t, func(c *workspace.SettingsChanged) { c.Enabled = new(false) })
		refused(t, by(commandstest.Assignee, as), domain.Forbidden, "module_off")
		refused(t, by("test:stranger", as), domain.NotFound, "not_found")
	})
}

func TestAReasonIsAText(t *testing.T) {
	s := commandstest.NewScene(t)
	because := func(reason string) error {
		a := ask(s)
		a.Reason = reason
		_, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), a)
		return err
	}
	for _, bad := range []string{"a\x00b", "gnp\u202egpj", "\xff"} {
		refused(t, because(bad), domain.Invalid, "text_character")
	}
	refused(t, because(strings.Repeat("é", gate.MaxReason+1)), domain.Invalid, "reason_too_long")
	require.NoError(t, because(strings.Repeat("é", gate.MaxReason)))
	require.NoError(t, because(" one\r\ntwo "))
	events := s.Reveals(t)
	require.Len(t, events, 2)
	assert.Equal(t, "one\ntwo", events[1].Event.(reveal.FieldRevealed).Reason.Text)
}

func TestATicketThatIsMadeUpIsNotRecorded(t *testing.T) {
	s := commandstest.NewScene(t)
	for _, ticket := range []string{commandstest.Ticket, "oops:hunter2"} {
		a := ask(s)
		a.Ticket = ticket
		_, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), a)
		require.NoError(t, err)
		_, err = s.Gate.Reveal(t.Context(), s.By(commandstest.Other), a)
		refused(t, err, domain.NotFound, "not_found")
	}
	recorded := map[string]int{}
	for _, e := range s.AwaitReveals(t, 4) {
		switch fact := e.Event.(type) {
		case reveal.FieldRevealed:
			recorded["revealed on "+fact.Ticket]++
		case reveal.Denied:
			recorded["denied on "+fact.Ticket]++
		}
	}
	assert.Equal(t, map[string]int{"revealed on " + commandstest.Ticket: 1, "revealed on ": 1, "denied on " + commandstest.Ticket: 1, "denied on ": 1}, recorded)
}

func TestAHiddenSecretIsRefusedAsFastAsNone(t *testing.T) {
	s := commandstest.NewScene(t)
	answered := make(chan struct{})
	s.Log.BeforeAppend(domain.Stream(domain.RevealsKind, s.Workspace), func() { <-answered })
	_, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Other), ask(s))
	close(answered)
	refused(t, err, domain.NotFound, "not_found")
	s.AwaitReveals(t, 1)
}

func TestRefusalsUnderWayAreRecordedWhenTheGateEnds(t *testing.T) {
	s := commandstest.NewScene(t)
	for range 5 {
		_, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Other), ask(s))
		refused(t, err, domain.NotFound, "not_found")
	}
	s.Stop()
	assert.Len(t, s.Reveals(t), 5)
}

func TestTheLimitIsToldOnce(t *testing.T) {
	s := commandstest.NewScene(t)
	s.Settings(t, func(c *workspace.SettingsChanged) { c.RevealLimitPerHour = new(1) })
	_, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), ask(s))
	require.NoError(t, err)
	for _, instance := range []*commandstest.World{s.World, s.World, s.Again(t)} {
		_, err := instance.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), ask(s))
		refused(t, err, domain.TooMany, "reveal_limit")
	}
	var told []reveal.LimitReached
	for _, e := range s.Reveals(t) {
		if is, ok := e.Event.(reveal.LimitReached); ok {
			told = append(told, is)
			assert.Equal(t, domain.System, e.Meta.Actor.Kind)
		}
	}
	assert.Equal(t, []reveal.LimitReached{{Member: commandstest.Assignee, Limit: 1}}, told)
}

func TestLimitHoldsForReveals(t *testing.T) {
	s := commandstest.NewScene(t)
	s.Settings(t, func(c *workspace.SettingsChanged) { c.RevealLimitPerHour = new(3) })
	outcomes := make(chan error, 12)
	for range cap(outcomes) {
		go func() {
			_, err := s.Gate.Reveal(context.Background(), s.By(commandstest.Assignee), ask(s))
			outcomes <- err
		}()
	}
	var answered int
	for range cap(outcomes) {
		if err := <-outcomes; err == nil {
			answered++
		} else {
			refused(t, err, domain.TooMany, "reveal_limit")
		}
	}
	assert.Equal(t, 3, answered, "reveals asked for at once are counted one after the other")
}

func TestRefusalsBeyondTheBoundAreCounted(t *testing.T) {
	s := commandstest.NewScene(t)
	for range 70 {
		_, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Other), ask(s))
		refused(t, err, domain.NotFound, "not_found")
	}
	s.AwaitReveals(t, 60)
	stream := domain.DirectoryStream(s.Workspace, domain.MemberKind, commandstest.Other)
	before := len(s.Events(t, stream))
	s.Stop()
	events := s.Events(t, stream)[before:]
	require.Len(t, events, 1)
	counted := events[0].Event.(member.DenialsSuppressed)
	assert.Equal(t, commandstest.Other, counted.ID)
	assert.Equal(t, 10, counted.Count)
	assert.False(t, counted.To.Before(counted.From))
	assert.Equal(t, counted.From, counted.From.Truncate(time.Millisecond))
	assert.Equal(t, domain.System, events[0].Meta.Actor.Kind)

	_, err := s.Again(t).Members.Sync(t.Context(), s.By(commandstest.Owner), member.Profile{ID: commandstest.Other, Name: "Later", Active: true})
	require.NoError(t, err, "the member goes on with it in his history")
	_, err = s.Gate.Reveal(t.Context(), s.By(commandstest.Assignee), ask(s))
	refused(t, err, domain.Unavailable, "overloaded")
}
