package vault

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// slowReads answers each read only when told to, so that a test can see who joined which.
type slowReads struct {
	started chan []int
	answer  chan error
}

func (s slowReads) read(_ context.Context, keys []int) (map[int]int, error) {
	s.started <- keys
	if err := <-s.answer; err != nil {
		return nil, err
	}
	found := map[int]int{}
	for _, k := range keys {
		found[k] = k * 10
	}
	return found, nil
}

func newSlowGather() (*gather[int, int], slowReads) {
	s := slowReads{make(chan []int), make(chan error)}
	return &gather[int, int]{read: s.read}, s
}

// waitFor spins until n keys gather for the next read.
func waitFor(g *gather[int, int], n int) {
	for {
		g.mu.Lock()
		keys := 0
		for _, w := range g.waiting {
			keys += len(w.keys)
		}
		g.mu.Unlock()
		if keys == n {
			return
		}
	}
}

func TestCallersShareTheNextReadAndNeverOneUnderWay(t *testing.T) {
	g, s := newSlowGather()
	var all sync.WaitGroup
	ask := func(k int) {
		all.Go(func() {
			found, err := g.get(ctx, []int{k})
			if err != nil || found[k] != k*10 {
				t.Error("wrong answer", found, err)
			}
		})
	}
	ask(1)
	require.Equal(t, []int{1}, <-s.started)
	for k := range 8 {
		ask(k) // 1 again: the read under way may have begun before it was asked for
	}
	waitFor(g, 8)
	s.answer <- nil
	require.ElementsMatch(t, []int{0, 1, 2, 3, 4, 5, 6, 7}, <-s.started)
	s.answer <- nil
	all.Wait()
}

func TestAFailedReadFailsOnlyThoseWhoSharedIt(t *testing.T) {
	g, s := newSlowGather()
	failed := make(chan error)
	go func() { _, err := g.get(ctx, []int{1}); failed <- err }()
	<-s.started
	broken := errors.New("broken")
	ok := make(chan error)
	go func() { _, err := g.get(ctx, []int{2}); ok <- err }()
	waitFor(g, 1)
	s.answer <- broken
	require.ErrorIs(t, <-failed, broken)
	<-s.started
	s.answer <- nil
	require.NoError(t, <-ok)
}

func TestACallerMayLeaveAndTheReadGoesOn(t *testing.T) {
	g, s := newSlowGather()
	leaving, leave := context.WithCancel(ctx)
	left := make(chan error)
	go func() { _, err := g.get(leaving, []int{1}); left <- err }()
	<-s.started
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	stays := make(chan error)
	go func() { _, err := g.get(ctx, []int{2}); stays <- err }()
	waitFor(g, 1)
	s.answer <- nil
	<-s.started
	s.answer <- nil
	require.NoError(t, <-stays)
}

func TestALargeRequestIsOneReadAndOthersDoNotJoinIt(t *testing.T) {
	g, s := newSlowGather()
	var all sync.WaitGroup
	ask := func(keys []int) { all.Go(func() { _, _ = g.get(ctx, keys) }) }
	ask([]int{-1})
	<-s.started
	large := make([]int, gatherLimit+5)
	for i := range large {
		large[i] = i
	}
	ask(large)
	waitFor(g, len(large))
	ask([]int{-2})
	waitFor(g, len(large)+1)
	s.answer <- nil
	require.Len(t, <-s.started, len(large))
	s.answer <- nil
	require.Equal(t, []int{-2}, <-s.started)
	s.answer <- nil
	all.Wait()
}
