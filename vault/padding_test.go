package vault

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLengthClasses(t *testing.T) {
	for n, class := range map[int]int{0: 32, 1: 32, 32: 32, 33: 64, 64: 64, 65: 128, 1000: 1024, 32769: 65536, MaxValue: MaxValue} {
		padded, err := pad(strings.Repeat("a", n))
		require.NoError(t, err)
		require.Len(t, padded, padHeader+class, "%d bytes", n)
	}
	_, err := pad(make([]byte, MaxValue+1))
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestPaddingRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "plain")
		padded, err := pad(plain)
		require.NoError(t, err)
		got, err := unpad(padded)
		require.NoError(t, err)
		require.Equal(t, string(plain), string(got))
	})
}

func FuzzUnpad(f *testing.F) {
	ok, _ := pad("hello")
	f.Add(ok)
	f.Add([]byte{})
	f.Add(append([]byte{0xff, 0xff, 0xff, 0xff}, make([]byte, 32)...))
	f.Fuzz(func(t *testing.T, padded []byte) {
		plain, err := unpad(padded)
		if err != nil {
			require.ErrorIs(t, err, ErrTampered)
			return
		}
		again, err := pad(plain)
		require.NoError(t, err)
		require.Equal(t, padded, again, "one form per plaintext")
	})
}

func TestACiphertextTellsOnlyItsClass(t *testing.T) {
	f := newFixture(t)
	v, subject := f.open(t), aSubject()
	sizes := map[int]bool{}
	for _, n := range []int{0, 1, 17, 32} {
		item := anItem(strings.Repeat("a", n))
		put(t, f, v, subject, item)
		found, err := v.Fetch(ctx, []uuid.UUID{item.ContentID})
		require.NoError(t, err)
		sizes[len(found[item.ContentID].Bytes)] = true
		text, err := v.SealText(ctx, f.ws, subject, nil, strings.Repeat("a", n))
		require.NoError(t, err)
		sizes[len(text)] = true
	}
	require.Len(t, sizes, 1)
}

func TestBindingsDiffer(t *testing.T) {
	ws := uuid.New()
	seen := map[string]bool{}
	for _, b := range [][]byte{
		bind(bindValue, ws, "a", "b", number(1)), bind(bindValue, ws, "ab", "", number(1)), bind(bindValue, ws, "a", "b"),
		bind(bindValue, ws, "a", "b", number(256)), bind(bindText, ws, "a", "b", number(1)), bind(bindValue, uuid.Nil, "a", "b", number(1)),
	} {
		require.Len(t, b, 32)
		require.False(t, seen[string(b)])
		seen[string(b)] = true
	}
}
