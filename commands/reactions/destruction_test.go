package reactions_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/reactions"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/platform/postgres/operations"
)

// destroying runs the reaction on a process until the test ends.
func (s scene) destroying(w *commandstest.World) {
	logger := slog.New(slog.NewTextHandler(s.logged, nil))
	runner, err := reactions.New(reactions.Config{
		Feed: w.Feed, Log: w.Log, Checkpoints: operations.NewReactions(s.pool), Logger: logger,
		Reactions: []reactions.Reaction{reactions.Destruction{Secrets: w.Secrets, Logger: logger}},
	})
	require.NoError(s.t, err)
	s.during(runner.Run)
}

// during runs something until the test ends.
func (s scene) during(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.ErrorIs(s.t, run(ctx), context.Canceled) })
	s.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func (s scene) destroyed(id uuid.UUID) (n int) {
	for _, e := range s.Events(s.t, domain.Stream(domain.SecretKind, id)) {
		if _, ok := e.Event.(secret.Destroyed); ok {
			n++
		}
	}
	return n
}

func TestRequestedDestructionsAreCarriedOut(t *testing.T) {
	s := newScene(t)
	_, err := s.Secrets.Destroy(t.Context(), s.By(commandstest.Owner), s.Secret, "Tenant") // before any reaction runs, as after a crash
	require.NoError(t, err)
	s.destroying(s.World)
	s.destroying(s.Again(t))
	require.Eventually(t, func() bool { return s.destroyed(s.Secret) == 1 }, 20*time.Second, 20*time.Millisecond)
}

func TestOtherInstancesForgetWhatWasDestroyed(t *testing.T) {
	s := newScene(t)
	other := s.Again(t) // it has folded the log, so it has the secret's key in memory
	subject := domain.Stream(domain.SecretKind, s.Secret)
	head, err := other.Log.Head(t.Context())
	require.NoError(t, err)
	_, err = other.Vault.SealText(t.Context(), s.Workspace, subject, nil, "x")
	require.NoError(t, err)
	s.during(func(ctx context.Context) error {
		err := reactions.Forget(ctx, other.Feed, head, other.Vault)
		if errors.Is(err, context.Canceled) {
			return context.Canceled
		}
		return err
	})
	_, err = s.Secrets.Destroy(t.Context(), s.By(commandstest.Owner), s.Secret, "Tenant")
	require.NoError(t, err)
	events := s.Events(t, subject)
	require.NoError(t, s.Secrets.CompleteDestruction(t.Context(), events[len(events)-1]))
	require.Eventually(t, func() bool {
		_, err := other.Vault.SealText(t.Context(), s.Workspace, subject, nil, "x")
		return err != nil
	}, 20*time.Second, 20*time.Millisecond)
}
