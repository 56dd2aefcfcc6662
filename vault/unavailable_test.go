package vault

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// everyCall is each way to the database, on a vault that has nothing in memory.
func everyCall(v *Vault, ws uuid.UUID) map[string]error {
	failed := map[string]error{}
	item := anItem(needle)
	_, failed["Put"] = v.Put(ctx, ws, aSubject(), []Item{item})
	_, failed["SealText"] = v.SealText(ctx, ws, aSubject(), nil, needle)
	_, _, failed["OpenText"] = v.OpenText(ctx, ws, aSubject(), nil, []byte("sealed"))
	failed["LoadKeys"] = v.LoadKeys(ctx, ws, []string{aSubject()}, false)
	_, failed["Fetch"] = v.Fetch(ctx, []uuid.UUID{uuid.New()})
	_, failed["Open"] = v.Open(ctx, Ref{ws, aSubject(), "f", 1}, Sealed{}, Ciphertext{})
	failed["Destroy"] = v.Destroy(ctx, ws, aSubject())
	_, failed["ServerKey"] = v.ServerKey(ctx, uuid.NewString())
	return failed
}

func TestADatabaseOutOfReachIsUnavailable(t *testing.T) {
	nobody, err := pgxpool.New(ctx, "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable")
	require.NoError(t, err)
	defer nobody.Close()
	for name, cut := range map[string]func(*Vault){
		"the pool is closed": func(v *Vault) { v.pool.Close() },
		"the server is gone": func(v *Vault) { v.pool = nobody },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			v := f.open(t)
			put(t, f, v, aSubject(), anItem("x")) // its workspace's key is in memory
			cut(v)
			for call, err := range everyCall(v, f.ws) {
				require.ErrorIs(t, err, ErrUnavailable, call)
			}
		})
	}
}

func TestWhatIsWrongIsNotUnavailable(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	_, err := f.pool.Exec(ctx, `DROP SCHEMA vault CASCADE`)
	require.NoError(t, err)
	for call, err := range everyCall(v, f.ws) {
		require.Error(t, err, call)
		require.NotErrorIs(t, err, ErrUnavailable, call)
	}
}

func TestStatesThatPass(t *testing.T) {
	for state, passes := range map[string]bool{"08006": true, "40P01": true, "53100": true, "57P01": true, "25006": true, "23505": false, "42601": false, "": false} {
		err := databaseError(fmt.Errorf("asking: %w", &pgconn.PgError{Code: state}))
		require.Equal(t, passes, errors.Is(err, ErrUnavailable), state)
	}
	require.ErrorIs(t, databaseError(context.DeadlineExceeded), ErrUnavailable)
	require.NotErrorIs(t, databaseError(context.Canceled), ErrUnavailable)
	require.NoError(t, databaseError(nil))
}

func TestAKeyServiceOutOfReachIsUnavailable(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	subject := aSubject()
	put(t, f, v, subject, anItem(needle))
	next, err := Open(ctx, Config{Pool: f.pool, KMSURL: f.url}) // knows no key yet
	require.NoError(t, err)
	require.NoError(t, next.Close())
	next.root.remote = true
	_, err = next.SealText(ctx, f.ws, subject, nil, needle)
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = next.Put(ctx, uuid.New(), subject, []Item{anItem(needle)})
	require.ErrorIs(t, err, ErrUnavailable)
	next.root = v.root
	_, err = next.SealText(ctx, f.ws, subject, nil, needle)
	require.NoError(t, err, "it is back")
}
