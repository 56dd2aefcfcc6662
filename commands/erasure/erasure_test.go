package erasure_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/erasure"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/member"
	events "github.com/kdesk/client-secrets/domain/reveal"
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

func operator(s *commandstest.Scene) commands.Request {
	return commands.Request{Workspace: s.Workspace, Actor: domain.Actor{Kind: domain.Operator}}
}

const agent = commandstest.Assignee

func TestAMemberIsErased(t *testing.T) {
	s := commandstest.NewScene(t)
	ctx := t.Context()
	c := erasure.Commands{Run: s.Run, Keys: s.Vault}
	_, err := s.Gate.Reveal(ctx, s.By(agent), reveal.Ask{Secret: s.Secret, Field: "api_key", Reason: "n33dle of a reason"})
	require.NoError(t, err)
	refused(t, c.Member(ctx, s.By(commandstest.Owner), agent), domain.Forbidden, "operator_only")
	refused(t, c.Member(ctx, operator(s), commandstest.Owner), domain.Conflict, "member_active")
	refused(t, c.Member(ctx, operator(s), agent), domain.Conflict, "member_active")
	refused(t, c.Member(ctx, operator(s), "test:nobody"), domain.NotFound, "member_not_found")
	refused(t, c.Member(ctx, operator(s), "nobody"), domain.Invalid, "invalid_id")
	_, err = s.Members.Patch(ctx, s.By(commandstest.Owner), agent, members.Change{Active: new(false)})
	require.NoError(t, err)
	require.NoError(t, c.Member(ctx, operator(s), agent))
	once := len(s.Stored(t))
	require.NoError(t, c.Member(ctx, operator(s), agent), "again changes nothing")
	assert.Len(t, s.Stored(t), once)

	for _, w := range []*commandstest.World{s.World, s.Again(t)} {
		history := w.Events(t, domain.DirectoryStream(s.Workspace, domain.MemberKind, agent))
		assert.Equal(t, domain.ErasedText, history[0].Event.(member.Synced).Name.Text)
		assert.Equal(t, "member.erased.v1", history[len(history)-1].Event.EventType())
		for _, e := range w.Events(t, domain.Stream(domain.RevealsKind, s.Workspace)) {
			assert.Equal(t, domain.ErasedText, e.Event.(events.FieldRevealed).Reason.Text)
		}
	}
	_, err = s.Members.Sync(ctx, s.By(commandstest.Owner), member.Profile{ID: agent, Name: "Back", Active: true})
	refused(t, err, domain.Conflict, "erased")
}

// broken fails to destroy keys.
type broken struct{}

func (broken) Destroy(context.Context, uuid.UUID, string) error { return errors.New("away") }

func TestAnErasureIsResumed(t *testing.T) {
	s := commandstest.NewScene(t)
	ctx, id := t.Context(), "test:client"
	_, err := s.Contacts.Sync(ctx, s.By(commandstest.Owner), contact.Profile{ID: id, Name: "Client"})
	require.NoError(t, err)
	require.Error(t, erasure.Commands{Run: s.Run, Keys: broken{}}.Contact(ctx, operator(s), id))
	stream := domain.DirectoryStream(s.Workspace, domain.ContactKind, id)
	history := s.Events(t, stream)
	requested := history[len(history)-1]
	require.Equal(t, contact.EraseRequested{ID: id}, requested.Event)
	_, err = s.Contacts.Sync(ctx, s.By(commandstest.Owner), contact.Profile{ID: id, Name: "New"})
	refused(t, err, domain.Conflict, "erased")

	c := erasure.Commands{Run: s.Run, Keys: s.Vault}
	require.NoError(t, c.Complete(ctx, history[0]), "it requests nothing")
	require.NoError(t, c.Complete(ctx, requested))
	require.NoError(t, c.Complete(ctx, requested))
	history = s.Events(t, stream)
	require.Len(t, history, 3)
	assert.Equal(t, contact.Erased{ID: id}, history[2].Event)
	assert.Equal(t, domain.ErasedText, history[0].Event.(contact.Synced).Name.Text)
}
