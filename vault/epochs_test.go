package vault

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestEpochsTellWhatTheyWrap(t *testing.T) {
	f := newFixture(t)
	v := f.open(t)
	numbers := func() (list [][2]int) {
		epochs, err := v.Epochs(ctx, f.ws)
		require.NoError(t, err)
		for _, e := range epochs {
			require.False(t, e.Since.IsZero())
			list = append(list, [2]int{e.Number, e.Keys})
		}
		return list
	}
	require.Empty(t, numbers())
	first, second := aSubject(), aSubject()
	require.NoError(t, v.LoadKeys(ctx, f.ws, []string{first, second}, true))
	require.Equal(t, [][2]int{{1, 2}}, numbers())
	_, err := v.Rotate(ctx, f.ws)
	require.NoError(t, err)
	require.NoError(t, v.Destroy(ctx, f.ws, second))
	require.Equal(t, [][2]int{{1, 1}, {2, 0}}, numbers(), "a destroyed key is wrapped by none")
	_, err = v.Rewrap(ctx, f.ws, 10)
	require.NoError(t, err)
	require.NoError(t, v.Retire(ctx, f.ws, 1))
	require.Equal(t, [][2]int{{2, 1}}, numbers())
	list, err := v.Workspaces(ctx)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{f.ws}, list)
}
