package vault

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestADestroyedSubjectIsGoneForEver(t *testing.T) {
	f := newFixture(t)
	v, other := f.open(t), f.open(t)
	subject, bystander := aSubject(), aSubject()
	item, kept := anItem(needle), anItem("kept")
	sealed, keptSealed := put(t, f, v, subject, item), put(t, f, v, bystander, kept)
	text, err := v.SealText(ctx, f.ws, subject, []byte("place"), needle)
	require.NoError(t, err)
	_, err = reveal(other, f.ref(subject, item), sealed) // hot over there
	require.NoError(t, err)

	require.NoError(t, v.Destroy(ctx, f.ws, subject))
	require.NoError(t, v.Destroy(ctx, f.ws, subject), "twice")
	other.Forget(f.ws, subject)

	for _, instance := range []*Vault{v, other, f.open(t)} {
		_, err = reveal(instance, f.ref(subject, item), sealed)
		require.ErrorIs(t, err, ErrErased)
		_, erased, err := instance.OpenText(ctx, f.ws, subject, []byte("place"), text)
		require.NoError(t, err)
		require.True(t, erased)
		_, err = instance.SealText(ctx, f.ws, subject, []byte("place"), "again")
		require.ErrorIs(t, err, ErrErased)
		_, err = instance.Put(ctx, f.ws, subject, []Item{anItem("again")})
		require.ErrorIs(t, err, ErrErased)
		require.ErrorIs(t, instance.LoadKeys(ctx, f.ws, []string{bystander, subject}, true), ErrErased)
		require.NoError(t, instance.LoadKeys(ctx, f.ws, []string{bystander, subject}, false))
		got, err := reveal(instance, f.ref(bystander, kept), keptSealed)
		require.NoError(t, err)
		require.Equal(t, "kept", string(got))
	}
	var wrapped, values int
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT (SELECT count(wrapped) FROM vault.deks WHERE subject = $1),
		(SELECT count(*) FROM vault.values WHERE subject = $1)`, subject).Scan(&wrapped, &values))
	require.Zero(t, wrapped)
	require.Zero(t, values)
}

func TestASubjectWithoutAKeyCanBeDestroyedToo(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	require.NoError(t, v.Destroy(ctx, f.ws, subject))
	_, err := v.Put(ctx, f.ws, subject, []Item{anItem(needle)})
	require.ErrorIs(t, err, ErrErased)
}

func TestTheRowOfADestroyedKeyIsFinal(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	put(t, f, v, subject, anItem(needle))
	require.NoError(t, v.Destroy(ctx, f.ws, subject))
	for _, sql := range []string{
		`UPDATE vault.deks SET destroyed_at = NULL, epoch = 1, wrapped = '\x00'`,
		`DELETE FROM vault.deks`,
	} {
		_, err := f.pool.Exec(ctx, sql)
		require.ErrorContains(t, err, "is final")
	}
}

func TestAnInstanceThatStillHoldsTheKeyCannotStoreUnderIt(t *testing.T) {
	f := newFixture(t)
	v, stale := f.open(t), f.open(t)
	subject := aSubject()
	require.NoError(t, stale.LoadKeys(ctx, f.ws, []string{subject}, true))
	require.NoError(t, v.Destroy(ctx, f.ws, subject))
	_, err := stale.Put(ctx, f.ws, subject, []Item{anItem(needle)})
	require.ErrorIs(t, err, ErrErased)
	_, err = stale.SealText(ctx, f.ws, subject, nil, needle)
	require.ErrorIs(t, err, ErrErased, "and now it knows")
}

// Writers, readers and one who destroys, all at once: afterwards no ciphertext is left, in whatever order they came.
func TestDestroyWinsOverConcurrentWriters(t *testing.T) {
	f := newFixture(t)
	vaults := []*Vault{f.open(t), f.open(t)}
	for range 20 {
		subject := aSubject()
		var all sync.WaitGroup
		for worker := range 6 {
			v := vaults[worker%len(vaults)]
			all.Go(func() {
				for range 5 {
					item := anItem(needle)
					sealed, err := v.Put(ctx, f.ws, subject, []Item{item})
					if err == nil {
						_, err = reveal(v, f.ref(subject, item), sealed[0])
					}
					if err != nil && !errors.Is(err, ErrErased) && !errors.Is(err, ErrMissing) {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			if err := vaults[0].Destroy(ctx, f.ws, subject); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		var left int
		require.NoError(t, f.pool.QueryRow(ctx, `SELECT count(*) FROM vault.values WHERE subject = $1`, subject).Scan(&left))
		require.Zero(t, left)
		vaults[1].Forget(f.ws, subject)
		for _, v := range vaults {
			_, err := v.SealText(ctx, f.ws, subject, nil, "x")
			require.ErrorIs(t, err, ErrErased)
		}
	}
}

func TestALoadThatBeganBeforeForgetIsNotKept(t *testing.T) {
	cache := newKeyCache(10)
	o := Owner{uuid.New(), aSubject()}
	kept := Owner{o.Workspace, aSubject()}
	load := cache.begin()
	cache.forget(o)
	cache.end(load, map[Owner]*dek{o: {}, kept: {}})
	_, ok := cache.get(o)
	require.False(t, ok)
	_, ok = cache.get(kept)
	require.True(t, ok)
}

func TestForgettingDropsCiphertextAndKeepsTheBudget(t *testing.T) {
	const budget = 10 * (perValue + 100)
	cache := newValueCache(budget)
	gone, kept := Owner{Subject: "gone"}, Owner{Subject: "kept"}
	fill := func(o Owner, n int) {
		for range n {
			cache.add(map[uuid.UUID]Ciphertext{uuid.New(): {Bytes: make([]byte, 100), owner: o}})
		}
	}
	fill(gone, 5)
	fill(kept, 3)
	cache.forget(gone)
	require.Equal(t, 3, cache.lru.Len())
	require.Equal(t, 3*(perValue+100), cache.used)
	require.NotContains(t, cache.byOwner, gone)
	fill(kept, 50)
	require.Equal(t, 10, cache.lru.Len())
	require.Equal(t, budget, cache.used)
	require.Len(t, cache.byOwner[kept], 10)
	cache.add(map[uuid.UUID]Ciphertext{uuid.New(): {Bytes: []byte(strings.Repeat("x", budget)), owner: gone}})
	require.Equal(t, 10, cache.lru.Len(), "what exceeds the budget alone is not kept")
}
