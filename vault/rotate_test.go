package vault

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestRotationKeepsEverythingReadable(t *testing.T) {
	f := newFixture(t)
	v, stale := f.open(t), f.open(t)
	first, err := v.CurrentEpoch(ctx, f.ws)
	require.NoError(t, err)
	require.Zero(t, first, "no key before the first use")

	subjects, items, sealed := make([]string, 5), make([]Item, 5), make([]Sealed, 5)
	for i := range subjects {
		subjects[i], items[i] = aSubject(), anItem(uuid.NewString())
		sealed[i] = put(t, f, stale, subjects[i], items[i])
	}
	epoch, err := v.Rotate(ctx, f.ws)
	require.NoError(t, err)
	require.Equal(t, 2, epoch)
	require.Error(t, v.Retire(ctx, f.ws, 1), "still needed")
	require.Error(t, v.Retire(ctx, f.ws, 2), "the current one")

	late := aSubject() // by an instance that does not know yet
	require.NoError(t, stale.LoadKeys(ctx, f.ws, []string{late}, true))
	require.NoError(t, v.Destroy(ctx, f.ws, subjects[4]))

	total := 0
	for {
		moved, err := v.Rewrap(ctx, f.ws, 2)
		require.NoError(t, err)
		require.LessOrEqual(t, moved, 2)
		if total += moved; moved == 0 {
			break
		}
	}
	require.Equal(t, 5, total, "four subjects and the late one; the destroyed one stays destroyed")
	require.NoError(t, v.Retire(ctx, f.ws, 1))
	require.NoError(t, v.Retire(ctx, f.ws, 1), "twice")

	for _, instance := range []*Vault{v, stale, f.open(t)} {
		for i := range subjects[:4] {
			got, err := reveal(instance, f.ref(subjects[i], items[i]), sealed[i])
			require.NoError(t, err)
			require.Equal(t, string(items[i].Plain), string(got))
		}
		instance.Forget(f.ws, subjects[4])
		_, err = reveal(instance, f.ref(subjects[4], items[4]), sealed[4])
		require.ErrorIs(t, err, ErrErased)
		put(t, f, f.open(t), aSubject(), anItem("new"))
	}
	// An instance that slept through it all is refused once by the database, and has learnt.
	subject := aSubject()
	err = stale.LoadKeys(ctx, f.ws, []string{subject}, true)
	require.Error(t, err)
	require.NoError(t, stale.LoadKeys(ctx, f.ws, []string{subject}, true))
}
