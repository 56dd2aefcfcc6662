package operations

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func newStore(t *testing.T) *Idempotency {
	pool := postgrestest.Pool(t)
	require.NoError(t, Migrate(t.Context(), pool))
	require.NoError(t, Migrate(t.Context(), pool))
	return NewIdempotency(pool, nil)
}

func TestAnAnswerIsRememberedForItsRequest(t *testing.T) {
	s, ctx, ws := newStore(t), t.Context(), uuid.New()
	one, two := [32]byte{1}, [32]byte{2}
	begin := func(principal string, hash [32]byte) (bool, string) {
		reused, answer, err := s.Begin(ctx, ws, principal, "key", hash)
		require.NoError(t, err)
		return reused, string(answer)
	}
	check := func(reused bool, answer string) func(bool, string) {
		return func(gotReused bool, gotAnswer string) {
			t.Helper()
			require.Equal(t, reused, gotReused)
			require.Equal(t, answer, gotAnswer)
		}
	}
	check(false, "")(begin("a", one))
	check(false, "")(begin("a", one)) // unfinished: it is run again
	check(true, "")(begin("a", two))
	check(false, "")(begin("b", two)) // another principal's key
	require.NoError(t, s.Finish(ctx, ws, "a", "key", one, []byte(`{"id": 1}`)))
	require.NoError(t, s.Finish(ctx, ws, "a", "key", one, []byte(`{"id": 2}`)))
	require.NoError(t, s.Abandon(ctx, ws, "a", "key", one))
	check(false, `{"id": 1}`)(begin("a", one))
	require.NoError(t, s.Abandon(ctx, ws, "b", "key", two))
	check(false, "")(begin("b", one))
}

func TestKeysAreForgottenAfterADay(t *testing.T) {
	s, ctx, ws := newStore(t), t.Context(), uuid.New()
	_, _, err := s.Begin(ctx, ws, "a", "old", [32]byte{1})
	require.NoError(t, err)
	_, _, err = s.Begin(ctx, ws, "a", "older", [32]byte{1})
	require.NoError(t, err)
	_, err = s.pool.Exec(ctx, `UPDATE operations.idempotency SET created_at = now() - interval '25 hours'`)
	require.NoError(t, err)
	reused, _, err := s.Begin(ctx, ws, "a", "old", [32]byte{2})
	require.NoError(t, err)
	require.False(t, reused)
	require.NoError(t, s.sweep(ctx))
	var left int
	require.NoError(t, s.pool.QueryRow(ctx, `SELECT count(*) FROM operations.idempotency`).Scan(&left))
	require.Equal(t, 1, left)
}

func TestManyBeginAtOnce(t *testing.T) {
	s, ws := newStore(t), uuid.New()
	var running sync.WaitGroup
	var mu sync.Mutex
	first := 0
	for i := range 8 {
		running.Go(func() {
			reused, _, err := s.Begin(t.Context(), ws, "a", "key", [32]byte{byte(i)})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if !reused {
				first++
			}
		})
	}
	running.Wait()
	require.Equal(t, 1, first)
}
