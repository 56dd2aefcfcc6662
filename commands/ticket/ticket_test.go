package ticket_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	contacts "github.com/kdesk/client-secrets/commands/contact"
	tickets "github.com/kdesk/client-secrets/commands/ticket"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func refused(t *testing.T, err error, kind domain.Kind, code string) {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	assert.Equal(t, kind, e.Kind)
}

// step is one command of the directory.
type step struct {
	name string
	do   func(commands.Request) (commands.Result, error)
}

// directory is each command about tickets, contacts and groups, in an order in which each changes something.
func directory(t *testing.T, s *commandstest.Scene) []step {
	ctx := t.Context()
	return []step{
		{"ticket", func(r commands.Request) (commands.Result, error) {
			return s.Tickets.Sync(ctx, r, ticket.Facts{ID: "test:t", Subject: "S", Status: ticket.Open, Assignees: []string{commandstest.Other}})
		}},
		{"ticket patched", func(r commands.Request) (commands.Result, error) {
			return s.Tickets.Patch(ctx, r, "test:t", tickets.Change{Status: new(ticket.Closed), Followers: &[]string{commandstest.Owner}})
		}},
		{"ticket removed", func(r commands.Request) (commands.Result, error) { return s.Tickets.Remove(ctx, r, "test:t") }},
		{"contact", func(r commands.Request) (commands.Result, error) {
			return s.Contacts.Sync(ctx, r, contact.Profile{ID: "test:c", Name: "C", Owners: []string{commandstest.Other}})
		}},
		{"contact patched", func(r commands.Request) (commands.Result, error) {
			return s.Contacts.Patch(ctx, r, "test:c", contacts.Change{Company: new("Co"), Owners: &[]string{}})
		}},
		{"contact removed", func(r commands.Request) (commands.Result, error) { return s.Contacts.Remove(ctx, r, "test:c") }},
		{"group", func(r commands.Request) (commands.Result, error) {
			return s.Groups.Sync(ctx, r, "test:g", "G", []string{commandstest.Other})
		}},
		{"group removed", func(r commands.Request) (commands.Result, error) { return s.Groups.Remove(ctx, r, "test:g") }},
	}
}

func TestDirectoryNeedsItsPermission(t *testing.T) {
	s := commandstest.NewScene(t)
	before := len(s.Stored(t))
	for _, step := range directory(t, s) {
		_, err := step.do(s.By(commandstest.Assignee))
		refused(t, err, domain.Forbidden, "permission_missing")
		_, err = step.do(s.By("test:stranger"))
		refused(t, err, domain.NotFound, "not_found")
		elsewhere := s.By(commandstest.Owner)
		elsewhere.Workspace = uuid.New()
		_, err = step.do(elsewhere)
		refused(t, err, domain.NotFound, "not_found")
	}
	require.Len(t, s.Stored(t), before)

	_, err := s.Members.SetPermissions(t.Context(), s.By(commandstest.Owner), commandstest.Assignee, []domain.Permission{domain.DirectoryManage})
	require.NoError(t, err)
	for _, step := range directory(t, s) {
		once := len(s.Stored(t))
		first, err := step.do(s.By(commandstest.Assignee))
		require.NoError(t, err, step.name)
		assert.True(t, first.Changed, step.name)
		again, err := step.do(s.By(commandstest.Assignee))
		require.NoError(t, err, step.name)
		assert.False(t, again.Changed, "%s, repeated", step.name)
		assert.Equal(t, first.Revision, again.Revision)
		assert.Len(t, s.Stored(t), once+1, step.name)
	}
}

func state(t *testing.T, s *commandstest.Scene, id string) ticket.State {
	found, err := commands.Load(t.Context(), s.Run, s.Workspace, commands.Aggregate[ticket.State]{
		Stream: domain.DirectoryStream(s.Workspace, domain.TicketKind, id), Evolve: ticket.Evolve,
	})
	require.NoError(t, err)
	return found
}

func TestPatchLeavesTheRest(t *testing.T) {
	s := commandstest.NewScene(t)
	_, err := s.Tickets.Patch(t.Context(), s.By(commandstest.Owner), commandstest.Ticket, tickets.Change{Category: new("billing")})
	require.NoError(t, err)
	facts := state(t, s, commandstest.Ticket).Facts
	assert.Equal(t, "billing", facts.Category)
	assert.Equal(t, "Help", facts.Subject)
	assert.Equal(t, []string{commandstest.Assignee}, facts.Assignees)

	_, err = s.Tickets.Patch(t.Context(), s.By(commandstest.Owner), "test:none", tickets.Change{Category: new("billing")})
	refused(t, err, domain.NotFound, "ticket_not_found")
	_, err = s.Tickets.Remove(t.Context(), s.By(commandstest.Owner), "test:none")
	refused(t, err, domain.NotFound, "ticket_not_found")
	_, err = s.Contacts.Patch(t.Context(), s.By(commandstest.Owner), "test:none", contacts.Change{Name: new("N")})
	refused(t, err, domain.NotFound, "contact_not_found")
	_, err = s.Tickets.Patch(t.Context(), s.By(commandstest.Owner), commandstest.Ticket, tickets.Change{URL: new("javascript:alert(1)")})
	refused(t, err, domain.Invalid, "invalid_url")
}

func TestOutdatedFactsAreIgnoredOnRecord(t *testing.T) {
	s := commandstest.NewScene(t)
	sync := func(version, assignee string) commands.Result {
		result, err := s.Tickets.Sync(t.Context(), s.By(commandstest.Owner), ticket.Facts{
			ID: commandstest.Ticket, SourceVersion: version, Status: ticket.Open, Assignees: []string{assignee},
		})
		require.NoError(t, err)
		return result
	}
	sync("2026-01-02T00:00:00Z", commandstest.Assignee)
	assert.True(t, sync("2026-01-01T00:00:00Z", commandstest.Other).Changed)
	assert.Equal(t, []string{commandstest.Assignee}, state(t, s, commandstest.Ticket).Facts.Assignees)
	events := s.Events(t, domain.DirectoryStream(s.Workspace, domain.TicketKind, commandstest.Ticket))
	assert.Equal(t, "ticket.sync_ignored.v1", events[len(events)-1].Event.EventType())
}

func TestTicketThatReturnsInheritsNothing(t *testing.T) {
	s := commandstest.NewScene(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	link := func() error {
		_, err := s.Secrets.LinkTicket(ctx, s.By(commandstest.Assignee), s.Secret, commandstest.Ticket)
		return err
	}
	refused(t, link(), domain.Forbidden, "permission_missing") // he may see it through the ticket
	_, err := s.Tickets.Remove(ctx, owner, commandstest.Ticket)
	require.NoError(t, err)
	refused(t, link(), domain.NotFound, "not_found")
	s.Assign(t, commandstest.Assignee)
	refused(t, link(), domain.NotFound, "not_found")
	linked, err := s.Secrets.LinkTicket(ctx, owner, s.Secret, commandstest.Ticket)
	require.NoError(t, err)
	assert.True(t, linked.Changed, "the link is asked for anew")
	refused(t, link(), domain.Forbidden, "permission_missing")
}
