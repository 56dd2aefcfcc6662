package operations

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestTheUseOfKeysIsNotedToTheMinute(t *testing.T) {
	pool := postgrestest.Pool(t)
	require.NoError(t, Migrate(t.Context(), pool))
	k := NewKeyUse(pool, nil)
	ws, key, other := uuid.New(), uuid.New(), uuid.New()
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	k.Note(ws, key, noon.Add(10*time.Second))
	k.Note(ws, key, noon.Add(50*time.Second))
	require.Len(t, k.queue, 1, "once a minute")
	k.Note(ws, key, noon.Add(70*time.Second))
	k.Note(ws, key, noon.Add(-time.Hour))
	require.Len(t, k.queue, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- k.Run(ctx) }()
	require.Eventually(t, func() bool {
		used, err := k.LastUsed(t.Context(), ws, []uuid.UUID{key, other})
		require.NoError(t, err)
		return len(used) == 1 && used[key].Equal(noon.Add(time.Minute))
	}, 10*time.Second, 5*time.Millisecond)
	elsewhere, err := k.LastUsed(t.Context(), uuid.New(), []uuid.UUID{key})
	require.NoError(t, err)
	require.Empty(t, elsewhere)
	for range useQueue + 10 {
		k.Note(ws, uuid.New(), noon) // never waits
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}
