package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACommandThatThereIsNotFails(t *testing.T) {
	for _, args := range [][]string{{"nosuch"}, {"projections", "nosuch"}, {"key", "nosuch"}, {"keys", "nosuch"}, {"log", "nosuch"}, {"workspace", "nosuch"}} {
		root := newRoot()
		root.SetOut(io.Discard)
		root.SetArgs(args)
		require.ErrorContains(t, root.Execute(), `unknown command "nosuch"`, args)
	}
	root := newRoot()
	root.SetOut(io.Discard)
	root.SetArgs([]string{"projections"})
	require.NoError(t, root.Execute(), "it says what there is")
}
