package storetest

import (
	"fmt"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// next is a subscription's next message, which must not be its end.
func next(t testing.TB, sub *esdb.Subscription) *esdb.SubscriptionEvent {
	t.Helper()
	e := sub.Recv()
	if e.SubscriptionDropped != nil {
		require.NoError(t, e.SubscriptionDropped.Error)
	}
	return e
}

// nextEvent skips everything else.
func nextEvent(t testing.TB, sub *esdb.Subscription) *esdb.ResolvedEvent {
	t.Helper()
	for {
		if e := next(t, sub).EventAppeared; e != nil {
			return e
		}
	}
}

func nextRevisions(t testing.TB, sub *esdb.Subscription, n int) []uint64 {
	t.Helper()
	var events []*esdb.ResolvedEvent
	for range n {
		events = append(events, nextEvent(t, sub))
	}
	return revisions(events)
}

// catchUp waits until a subscription says that it has caught up; no event may come before.
func catchUp(t testing.TB, sub *esdb.Subscription) {
	t.Helper()
	for {
		e := next(t, sub)
		require.Nil(t, e.EventAppeared)
		if e.CaughtUp != nil {
			return
		}
	}
}

func (s *target) subscribe(t testing.TB, stream string, from esdb.StreamPosition, links bool) *esdb.Subscription {
	t.Helper()
	sub, err := s.client.SubscribeToStream(within(t), stream, esdb.SubscribeToStreamOptions{From: from, ResolveLinkTos: links})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	return sub
}

func (s *target) subscribeAll(t testing.TB, o esdb.SubscribeToAllOptions) *esdb.Subscription {
	t.Helper()
	sub, err := s.client.SubscribeToAll(within(t), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	return sub
}

func testSubscribeStart(t *testing.T, s *target) {
	stream := s.full(t, 3)()
	sub := s.subscribe(t, stream, esdb.Start{}, false)
	require.Equal(t, []uint64{0, 1, 2}, nextRevisions(t, sub, 3))
	catchUp(t, sub)
	s.append(t, stream, esdb.Any{}, newEvents(2)...)
	require.Equal(t, []uint64{3, 4}, nextRevisions(t, sub, 2))
}

func testSubscribeRevision(t *testing.T, s *target) {
	stream := s.full(t, 3)()
	sub := s.subscribe(t, stream, esdb.Revision(1), false)
	require.Equal(t, []uint64{2}, nextRevisions(t, sub, 1), "exclusive of where it starts")
	ahead := s.subscribe(t, stream, esdb.Revision(4), false)
	s.append(t, stream, esdb.Any{}, newEvents(3)...)
	require.Equal(t, []uint64{3, 4, 5}, nextRevisions(t, sub, 3))
	require.Equal(t, []uint64{5}, nextRevisions(t, ahead, 1), "it may start where nothing is yet")
}

func testSubscribeEnd(t *testing.T, s *target) {
	stream := s.full(t, 3)()
	sub := s.subscribe(t, stream, esdb.End{}, false)
	catchUp(t, sub)
	s.append(t, stream, esdb.Any{}, newEvent())
	require.Equal(t, []uint64{3}, nextRevisions(t, sub, 1))
}

func testSubscribeEarly(t *testing.T, s *target) {
	stream := newStream()
	sub := s.subscribe(t, stream, esdb.Start{}, false)
	catchUp(t, sub)
	s.append(t, stream, esdb.NoStream{}, newEvents(2)...)
	require.Equal(t, []uint64{0, 1}, nextRevisions(t, sub, 2))
}

func testSubscribeLinks(t *testing.T, s *target) {
	source, links := s.full(t, 2)(), newStream()
	s.append(t, links, esdb.NoStream{}, link(0, source))
	sub := s.subscribe(t, links, esdb.Start{}, true)
	for i := range 2 {
		e := nextEvent(t, sub)
		require.Equal(t, source, e.Event.StreamID)
		require.EqualValues(t, i, e.Event.EventNumber)
		require.EqualValues(t, i, e.Link.EventNumber)
		s.append(t, links, esdb.Any{}, link(1, source))
	}
}

func testSubscribeTombstone(t *testing.T, s *target) {
	stream := s.full(t, 1)()
	sub := s.subscribe(t, stream, esdb.Start{}, false)
	require.Equal(t, []uint64{0}, nextRevisions(t, sub, 1))
	catchUp(t, sub)
	s.tombstone(t, stream)
	for {
		if e := sub.Recv(); e.SubscriptionDropped != nil {
			require.Equal(t, codes.FailedPrecondition, status.Code(e.SubscriptionDropped.Error))
			require.ErrorContains(t, e.SubscriptionDropped.Error, stream)
			return
		}
	}
}

// own takes events of one stream out of a subscription to the whole log.
func own(t testing.TB, sub *esdb.Subscription, stream string, n int) []uint64 {
	t.Helper()
	var events []*esdb.ResolvedEvent
	before := uint64(0)
	for len(events) < n {
		e := nextEvent(t, sub)
		require.Greater(t, e.OriginalEvent().Position.Commit, before, "in the order of the log")
		before = e.OriginalEvent().Position.Commit
		if e.OriginalEvent().StreamID == stream {
			events = append(events, e)
		}
	}
	return revisions(events)
}

func testSubscribeAll(t *testing.T, s *target) {
	stream := newStream()
	from := positionOf(s.append(t, stream, esdb.NoStream{}, newEvent()))
	s.append(t, stream, esdb.Any{}, newEvents(2)...)
	sub := s.subscribeAll(t, esdb.SubscribeToAllOptions{From: from})
	require.Equal(t, []uint64{1, 2}, own(t, sub, stream, 2), "exclusive of where it starts")
	s.append(t, stream, esdb.Any{}, newEvent())
	require.Equal(t, []uint64{3}, own(t, sub, stream, 1))
}

func testSubscribeAllEnd(t *testing.T, s *target) {
	stream := s.full(t, 2)()
	sub := s.subscribeAll(t, esdb.SubscribeToAllOptions{From: esdb.End{}})
	s.append(t, stream, esdb.Any{}, newEvents(2)...)
	require.Equal(t, []uint64{2, 3}, own(t, sub, stream, 2))
}

func testSubscribeWhileAppending(t *testing.T, s *target) {
	const n = 500
	stream := newStream()
	from := s.mark(t)
	failed := make(chan error, 1)
	go func() {
		for range n {
			if _, err := s.tryAppend(t, stream, esdb.Any{}, newEvent()); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	for range 5 {
		sub := s.subscribeAll(t, esdb.SubscribeToAllOptions{From: from})
		for i, revision := range own(t, sub, stream, n/10) {
			require.EqualValues(t, i, revision)
		}
	}
	sub := s.subscribeAll(t, esdb.SubscribeToAllOptions{From: from})
	for i, revision := range own(t, sub, stream, n) {
		require.EqualValues(t, i, revision)
	}
	require.NoError(t, <-failed)
}

func testFilters(t *testing.T, s *target) {
	id := uuid.NewString()
	from := s.mark(t)
	for _, kind := range []string{"order", "cart", "member"} {
		made, closed := newEvent(), newEvent()
		made.EventType, closed.EventType = kind+".made."+id, kind+".closed."+id
		s.append(t, kind+"-"+id, esdb.NoStream{}, made, closed)
	}
	end := newEvent()
	end.EventType = "order.cart.end." + id
	s.append(t, "order-cart-end-"+id, esdb.NoStream{}, end)
	for _, one := range []struct {
		name   string
		filter esdb.SubscriptionFilter
		want   []string
	}{
		{"stream prefixes", esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"order-" + id, "cart-" + id, "order-cart-end-" + id}},
			[]string{"order.made.", "order.closed.", "cart.made.", "cart.closed.", "order.cart.end."}},
		{"stream pattern", esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "^(order|member).*-" + id + "$"},
			[]string{"order.made.", "order.closed.", "member.made.", "member.closed.", "order.cart.end."}},
		{"event type prefixes", esdb.SubscriptionFilter{Type: esdb.EventFilterType, Prefixes: []string{"cart.made." + id, "order.cart.end." + id}},
			[]string{"cart.made.", "order.cart.end."}},
		{"event type pattern, anywhere", esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: `(closed|end)\.` + id},
			[]string{"order.closed.", "cart.closed.", "member.closed.", "order.cart.end."}},
	} {
		sub := s.subscribeAll(t, esdb.SubscribeToAllOptions{From: from, Filter: &one.filter, MaxSearchWindow: 32, CheckpointInterval: 1})
		for _, want := range one.want {
			require.Equal(t, want+id, nextEvent(t, sub).Event.EventType, one.name)
		}
	}
}

func testFilteredReads(t *testing.T, s *target) {
	prefix := newStream()
	from := s.mark(t)
	for i := range 3 {
		s.append(t, fmt.Sprint(prefix, "-", i), esdb.NoStream{}, newEvent())
		s.append(t, newStream(), esdb.NoStream{}, newEvents(5)...)
	}
	events := s.rawReadFiltered(t, from, prefix, 2)
	require.Len(t, events, 2, "the count is of matching events")
	require.Equal(t, prefix+"-0", string(events[0].GetEvent().GetStreamIdentifier().GetStreamName()))
	require.Equal(t, prefix+"-1", string(events[1].GetEvent().GetStreamIdentifier().GetStreamName()))
}
