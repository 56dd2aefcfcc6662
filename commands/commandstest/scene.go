package commandstest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	workspaces "github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Scene is a workspace with a secret that is linked to a ticket, whose assignee may see it by a rule.
type Scene struct {
	*World
	Workspace uuid.UUID
	Template  uuid.UUID
	Secret    uuid.UUID
}

// Names in a Scene.
const (
	Owner    = "test:owner"
	Assignee = "test:assignee"
	Other    = "test:other"
	Ticket   = "test:ticket"
	Value    = "needle-in-the-haystack"
)

// NewScene returns a scene in a world of its own. The secret has a sensitive field "api_key" that holds Value, and an
// optional one "note" without a value.
func NewScene(t testing.TB) *Scene { return New(t).Scene(t) }

// Scene makes another workspace like that of NewScene.
func (w *World) Scene(t testing.TB) *Scene {
	s := &Scene{World: w}
	ctx := t.Context()
	opened, err := s.Workspaces.Open(ctx, commands.Request{Actor: domain.Actor{Kind: domain.Operator}}, "Test", workspaces.Founder{
		Profile: member.Profile{ID: Owner, Name: "Owner", Active: true},
	})
	require.NoError(t, err)
	s.Workspace = opened.ID
	s.Settings(t, func(c *workspace.SettingsChanged) { c.Enabled = new(true) })
	for _, id := range []string{Assignee, Other} {
		_, err = s.Members.Sync(ctx, s.By(Owner), member.Profile{ID: id, Name: id, Active: true})
		require.NoError(t, err)
		_, err = s.Members.SetPermissions(ctx, s.By(Owner), id, []domain.Permission{domain.SecretsView, domain.SecretsReveal})
		require.NoError(t, err)
	}
	s.Assign(t, Assignee)
	made, err := s.Templates.Create(ctx, s.By(Owner), template.Definition{Name: "Tenant", Fields: []template.Field{
		{Key: "api_key", Label: domain.NewPrivate("API key"), Type: template.Text, Required: true, Sensitive: true},
		{Key: "note", Label: domain.NewPrivate("Note"), Type: template.Message},
	}})
	require.NoError(t, err)
	s.Template = made.ID
	result, err := s.Secrets.Create(ctx, s.By(Owner), secrets.Draft{
		Template: s.Template, Name: "Tenant", Fields: map[string]string{"api_key": Value}, Tickets: []string{Ticket},
		Rules: []secret.Rule{{Kind: secret.TicketAssignee}},
	})
	require.NoError(t, err)
	s.Secret = result.ID
	return s
}

// By returns a request of a member.
func (s *Scene) By(id string) commands.Request {
	return commands.Request{Workspace: s.Workspace, Actor: domain.Actor{Kind: domain.Member, ID: id, Session: "session"}}
}

// Assign gives the ticket to a member.
func (s *Scene) Assign(t testing.TB, id string) {
	_, err := s.Tickets.Sync(context.Background(), s.By(Owner), ticket.Facts{ID: Ticket, Subject: "Help", Status: ticket.Open, Assignees: []string{id}})
	require.NoError(t, err)
}

// Settings changes settings.
func (s *Scene) Settings(t testing.TB, change func(*workspace.SettingsChanged)) {
	var c workspace.SettingsChanged
	change(&c)
	_, err := s.Workspaces.ChangeSettings(context.Background(), s.By(Owner), c)
	require.NoError(t, err)
}

// Reveals returns what the log holds of reveals, oldest first.
func (s *Scene) Reveals(t testing.TB) []domain.Recorded {
	return s.Events(t, domain.Stream(domain.RevealsKind, s.Workspace))
}

// AwaitReveals waits until the log holds so many facts of reveals and returns them. Refusals that tell nothing of a secret
// are recorded after they were answered.
func (s *Scene) AwaitReveals(t testing.TB, n int) (events []domain.Recorded) {
	require.Eventually(t, func() bool {
		events = s.Reveals(t)
		return len(events) >= n
	}, 10*time.Second, 2*time.Millisecond)
	require.Len(t, events, n)
	return events
}
