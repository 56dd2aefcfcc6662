package operations_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/postgres/operations"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestOneHolderAtATimeMovesAReaction(t *testing.T) {
	ctx, pool := t.Context(), postgrestest.Pool(t)
	require.NoError(t, operations.Migrate(ctx, pool))
	s := operations.NewReactions(pool)
	at, last, epoch, ok, err := s.Acquire(ctx, "mail", "a", time.Hour)
	require.NoError(t, err)
	assert.Equal(t, []any{uint64(0), uuid.Nil, int64(1), true}, []any{at, last, epoch, ok})
	_, _, _, ok, err = s.Acquire(ctx, "mail", "b", time.Hour)
	require.NoError(t, err)
	assert.False(t, ok)

	id := uuid.New()
	moved, err := s.Advance(ctx, "mail", epoch, 40, id)
	require.NoError(t, err)
	assert.True(t, moved)
	_, err = s.Advance(ctx, "mail", epoch, 30, uuid.New())
	require.NoError(t, err)
	require.NoError(t, s.Release(ctx, "mail", epoch))

	at, last, next, ok, err := s.Acquire(ctx, "mail", "b", time.Hour)
	require.NoError(t, err)
	assert.Equal(t, []any{uint64(40), id, int64(2), true}, []any{at, last, next, ok}, "it never goes back")
	moved, err = s.Advance(ctx, "mail", epoch, 50, uuid.New())
	require.NoError(t, err)
	assert.False(t, moved, "a former holder moves nothing")
	kept, err := s.Renew(ctx, "mail", epoch, time.Hour)
	require.NoError(t, err)
	assert.False(t, kept)
	require.NoError(t, s.Release(ctx, "mail", epoch))
	_, _, _, ok, err = s.Acquire(ctx, "mail", "c", time.Hour)
	require.NoError(t, err)
	assert.False(t, ok, "nor gives back what is another's")

	_, _, third, ok, err := s.Acquire(ctx, "mail", "b", -time.Second)
	require.NoError(t, err)
	assert.True(t, ok && third == 3, "the same holder goes on after a crash")
	_, _, _, ok, err = s.Acquire(ctx, "mail", "c", time.Hour)
	require.NoError(t, err)
	assert.True(t, ok, "a loan ends by itself")
}
