package reveal_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	gate "github.com/kdesk/client-secrets/commands/reveal"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// withFile makes a secret with a file that the ticket's assignee may have.
func withFile(t *testing.T, s *commandstest.Scene) gate.Ask {
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	made, err := s.Templates.Create(ctx, owner, template.Definition{Name: "Licence", Fields: []template.Field{
		{Key: "licence", Label: domain.NewPrivate("Licence"), Type: template.File}, {Key: "note", Label: domain.NewPrivate("Note"), Type: template.Text},
	}})
	require.NoError(t, err)
	received, err := s.Uploads.Receive(ctx, owner, "licence.txt", strings.NewReader(commandstest.Value))
	require.NoError(t, err)
	kept, err := received.Keep(ctx, owner)
	require.NoError(t, err)
	result, err := s.World.Secrets.Create(ctx, owner, secrets.Draft{
		Template: made.ID, Name: "Licence", Fields: map[string]string{"note": "n"}, Files: map[string]uuid.UUID{"licence": kept.ID},
		Tickets: []string{commandstest.Ticket}, Rules: []secret.Rule{{Kind: secret.TicketAssignee}},
	})
	require.NoError(t, err)
	return gate.Ask{Secret: result.ID, Field: "licence", Ticket: commandstest.Ticket, Reason: "renewal"}
}

func TestADownloadIsRecordedBeforeItAnswers(t *testing.T) {
	s := commandstest.NewScene(t)
	ask := withFile(t, s)
	out, err := s.Gate.Download(t.Context(), s.By(commandstest.Assignee), ask)
	require.NoError(t, err)
	content, err := io.ReadAll(out)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	require.Equal(t, commandstest.Value, string(content))
	require.Equal(t, "licence.txt", out.Name)

	events := s.Reveals(t)
	require.Len(t, events, 1)
	fact := events[0].Event.(reveal.FileDownloaded)
	require.Equal(t, "renewal", fact.Reason.Text)
	require.Equal(t, commandstest.Assignee, fact.Member)
	require.Equal(t, 1, fact.ValueVersion)
	require.Equal(t, events[0].ID, out.Receipt.EventID)
	require.Equal(t, "rule", out.Receipt.Decision.Via)
}

func TestDownloadsPassTheSameGate(t *testing.T) {
	s := commandstest.NewScene(t)
	ask := withFile(t, s)
	_, err := s.Gate.Download(t.Context(), s.By(commandstest.Other), ask)
	refused(t, err, domain.NotFound, "not_found")
	s.Settings(t, func(c *workspace.SettingsChanged) { c.Reason = new(workspace.ReasonRequired) })
	bare := ask
	bare.Reason = ""
	_, err = s.Gate.Download(t.Context(), s.By(commandstest.Assignee), bare)
	refused(t, err, domain.Required, "reason_required")

	// A revocation between the first decision and the record: recorded, withheld, nothing left.
	s.Log.BeforeAppend(domain.Stream(domain.RevealsKind, s.Workspace), func() { s.Assign(t, commandstest.Other) })
	_, err = s.Gate.Download(t.Context(), s.By(commandstest.Assignee), ask)
	refused(t, err, domain.NotFound, "not_found")
	events := s.Reveals(t)
	require.IsType(t, reveal.Withheld{}, events[len(events)-1].Event)
}

func TestValuesAreRevealedAndFilesDownloaded(t *testing.T) {
	s := commandstest.NewScene(t)
	ask := withFile(t, s)
	_, err := s.Gate.Reveal(t.Context(), s.By(commandstest.Owner), ask)
	refused(t, err, domain.Conflict, "is_a_file")
	ask.Field = "note"
	_, err = s.Gate.Download(t.Context(), s.By(commandstest.Owner), ask)
	refused(t, err, domain.Conflict, "not_a_file")
	require.Zero(t, s.Vault.Opened())
}

func TestDownloadsCountTowardsTheLimit(t *testing.T) {
	s := commandstest.NewScene(t)
	ask := withFile(t, s)
	s.Settings(t, func(c *workspace.SettingsChanged) { c.RevealLimitPerHour = new(1) })
	out, err := s.Gate.Download(t.Context(), s.By(commandstest.Assignee), ask)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	_, err = s.Gate.Download(t.Context(), s.By(commandstest.Assignee), ask)
	refused(t, err, domain.TooMany, "reveal_limit")
}
