package rotation_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/commands/rotation"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func operator(s *commandstest.Scene) commands.Request {
	return commands.Request{Workspace: s.Workspace, Actor: domain.Actor{Kind: domain.Operator}}
}

// told returns what the log says of key epochs.
func told(t *testing.T, s *commandstest.Scene) (list []domain.Event) {
	for _, e := range s.Events(t, domain.Stream(domain.WorkspaceKind, s.Workspace)) {
		switch e.Event.(type) {
		case workspace.KeyEpochOpened, workspace.KeyEpochRetired:
			list = append(list, e.Event)
		}
	}
	return list
}

func quiet(int, int) {}

func TestRotation(t *testing.T) {
	s := commandstest.NewScene(t)
	ctx := t.Context()
	c := rotation.Commands{Run: s.Run, Keys: s.Vault}
	before := s.VaultRows(t)["values"]
	for round := range 2 {
		var done, of int
		epoch, err := c.Rotate(ctx, operator(s), func(d, o int) { done, of = d, o })
		require.NoError(t, err)
		assert.Equal(t, round+2, epoch)
		assert.Equal(t, of, done)
		assert.Positive(t, of)
		retired, err := c.Retire(ctx, operator(s))
		require.NoError(t, err)
		assert.Equal(t, 1, retired)
	}
	retired, err := c.Retire(ctx, operator(s))
	require.NoError(t, err)
	assert.Zero(t, retired)
	assert.Equal(t, []domain.Event{
		workspace.KeyEpochOpened{Epoch: 2}, workspace.KeyEpochRetired{Epoch: 1},
		workspace.KeyEpochOpened{Epoch: 3}, workspace.KeyEpochRetired{Epoch: 2},
	}, told(t, s))
	assert.ElementsMatch(t, before, s.VaultRows(t)["values"], "no value was touched")
	for _, w := range []*commandstest.World{s.World, s.Again(t)} {
		shown, err := w.Gate.Reveal(ctx, s.By(commandstest.Owner), reveal.Ask{Secret: s.Secret, Field: "api_key"})
		require.NoError(t, err)
		assert.Equal(t, commandstest.Value, string(shown.Value))
	}
	_, err = c.Rotate(ctx, s.By(commandstest.Owner), quiet)
	require.Error(t, err)
	_, err = c.Retire(ctx, s.By(commandstest.Owner))
	require.Error(t, err)
	_, err = c.Rotate(ctx, commands.Request{Workspace: uuid.New(), Actor: domain.Actor{Kind: domain.Operator}}, quiet)
	require.ErrorIs(t, err, workspace.ErrNotFound)
}

// interrupted fails at some step.
type interrupted struct {
	rotation.Keys
	rewrap, retire bool
}

var errCrash = errors.New("crash")

func (k interrupted) Rewrap(ctx context.Context, ws uuid.UUID, limit int) (int, error) {
	if k.rewrap {
		return 0, errCrash
	}
	return k.Keys.Rewrap(ctx, ws, 1)
}

func (k interrupted) Retire(ctx context.Context, ws uuid.UUID, epoch int) error {
	err := k.Keys.Retire(ctx, ws, epoch)
	if k.retire && err == nil {
		return errCrash
	}
	return err
}

func TestAnInterruptedRotationIsFinished(t *testing.T) {
	s := commandstest.NewScene(t)
	ctx := t.Context()
	_, err := s.Vault.Rotate(ctx, s.Workspace) // a crash before that was recorded
	require.NoError(t, err)
	_, err = rotation.Commands{Run: s.Run, Keys: interrupted{Keys: s.Vault, rewrap: true}}.Rotate(ctx, operator(s), quiet)
	require.ErrorIs(t, err, errCrash)
	c := rotation.Commands{Run: s.Run, Keys: interrupted{Keys: s.Vault}}
	epoch, err := c.Rotate(ctx, operator(s), quiet)
	require.NoError(t, err)
	assert.Equal(t, 2, epoch, "no further one is opened")
	_, err = rotation.Commands{Run: s.Run, Keys: interrupted{Keys: s.Vault, retire: true}}.Retire(ctx, operator(s))
	require.ErrorIs(t, err, errCrash, "retired, but not on record")
	_, err = c.Retire(ctx, operator(s))
	require.NoError(t, err)
	assert.Equal(t, []domain.Event{workspace.KeyEpochOpened{Epoch: 2}, workspace.KeyEpochRetired{Epoch: 1}}, told(t, s))
	epoch, err = c.Rotate(ctx, operator(s), quiet)
	require.NoError(t, err)
	assert.Equal(t, 3, epoch, "what is finished is not taken up again")
}
