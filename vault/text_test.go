package vault

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestATextIsReadBackWhereItStands(t *testing.T) {
	f := newFixture(t)
	v, reader, subject := f.open(t), f.open(t), "member-"+uuid.NewString()
	require.NoError(t, v.LoadKeys(ctx, f.ws, []string{subject, subject, "contact-" + uuid.NewString()}, true))
	for _, plain := range []string{"", "Ana Müller", strings.Repeat("x", MaxValue)} {
		sealed, err := v.SealText(ctx, f.ws, subject, []byte("event/1"), plain)
		require.NoError(t, err)
		got, erased, err := reader.OpenText(ctx, f.ws, subject, []byte("event/1"), sealed)
		require.NoError(t, err)
		require.False(t, erased)
		require.Equal(t, plain, got)

		_, _, err = reader.OpenText(ctx, f.ws, subject, []byte("event/2"), sealed)
		require.ErrorIs(t, err, ErrTampered)
		_, _, err = reader.OpenText(ctx, f.ws, "member-"+uuid.NewString(), []byte("event/1"), sealed)
		require.ErrorIs(t, err, ErrNoKey)
		_, _, err = reader.OpenText(ctx, f.ws, subject, []byte("event/1"), sealed[:len(sealed)-1])
		require.ErrorIs(t, err, ErrTampered)
		_, _, err = reader.OpenText(ctx, f.ws, subject, []byte("event/1"), nil)
		require.ErrorIs(t, err, ErrTampered)
	}
	_, err := v.SealText(ctx, f.ws, subject, nil, strings.Repeat("x", MaxValue+1))
	require.ErrorIs(t, err, ErrTooLarge)
}

// A value's ciphertext is not a text's, even under one key.
func TestValuesAndTextsAreNotInterchangeable(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	item := anItem(needle)
	put(t, f, v, subject, item)
	found, err := v.Fetch(ctx, []uuid.UUID{item.ContentID})
	require.NoError(t, err)
	_, _, err = v.OpenText(ctx, f.ws, subject, []byte(item.Field), found[item.ContentID].Bytes)
	require.ErrorIs(t, err, ErrTampered)
}

func TestPreloadAcrossWorkspacesIsOneRead(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	var owners []Owner
	for range 5 {
		ws := uuid.New()
		subjects := []string{aSubject(), aSubject()}
		require.NoError(t, v.LoadKeys(ctx, ws, subjects, true))
		owners = append(owners, Owner{ws, subjects[0]}, Owner{ws, subjects[1]}, Owner{ws, "unknown"})
	}
	fresh := f.open(t)
	before := f.pool.Stat().AcquireCount()
	require.NoError(t, fresh.Preload(ctx, owners))
	require.EqualValues(t, 2, f.pool.Stat().AcquireCount()-before, "one query for keys, one for the workspaces' keys")
	require.Equal(t, 10, fresh.keys.lru.Len())
}
