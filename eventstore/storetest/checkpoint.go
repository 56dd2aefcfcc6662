package storetest

import (
	"errors"
	"io"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/stretchr/testify/require"
)

// observed follows a filtered subscription and checks what holds for every message: positions only grow, and
// nothing comes any more that a checkpoint said had been considered.
type observed struct {
	t           *testing.T
	sub         *esdb.Subscription
	last        uint64 // position of the last event or checkpoint
	checkpoints []uint64
	caughtUp    bool
}

// next returns an event, or nil after any other message.
func (o *observed) next() *esdb.RecordedEvent {
	o.t.Helper()
	switch e := next(o.t, o.sub); {
	case e.EventAppeared != nil:
		position := e.EventAppeared.OriginalEvent().Position.Commit
		require.Greater(o.t, position, o.last, "an event after the checkpoint that covers it")
		o.last = position
		return e.EventAppeared.OriginalEvent()
	case e.CheckPointReached != nil:
		require.GreaterOrEqual(o.t, e.CheckPointReached.Commit, o.last)
		o.last = e.CheckPointReached.Commit
		o.checkpoints = append(o.checkpoints, o.last)
	case e.CaughtUp != nil:
		o.caughtUp = true
	}
	return nil
}

func (o *observed) events(n int) {
	o.t.Helper()
	for n > 0 {
		if o.next() != nil {
			n--
		}
	}
}

// considered is the position of the newest event of the log.
func (s *target) considered(t *testing.T) uint64 {
	r, err := s.client.ReadAll(within(t), esdb.ReadAllOptions{From: esdb.End{}, Direction: esdb.Backwards}, 1)
	return collect(t, r, err)[0].OriginalEvent().Position.Commit
}

func testCheckpoints(t *testing.T, s *target) {
	wanted := newStream()
	from := s.mark(t)
	for range 20 {
		s.append(t, newStream(), esdb.NoStream{}, newEvents(4)...)
		s.append(t, wanted, esdb.Any{}, newEvent())
	}
	behind := positionOf(s.append(t, newStream(), esdb.NoStream{}, newEvents(3)...))
	o := &observed{t: t, last: from.Commit, sub: s.subscribeAll(t, esdb.SubscribeToAllOptions{From: from, MaxSearchWindow: 5,
		CheckpointInterval: 2, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{wanted}}})}
	o.events(20)
	for !o.caughtUp {
		require.Nil(t, o.next())
	}
	require.GreaterOrEqual(t, len(o.checkpoints), 5, "one in ten considered events")
	require.GreaterOrEqual(t, o.last, behind.Commit, "the end of catching up is a checkpoint")
	require.LessOrEqual(t, o.last, s.considered(t), "never ahead of the last considered event")

	resumed := s.subscribeAll(t, esdb.SubscribeToAllOptions{From: esdb.Position{Commit: o.last, Prepare: o.last},
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{wanted}}})
	s.append(t, wanted, esdb.Revision(19), newEvent())
	require.Equal(t, []uint64{20}, nextRevisions(t, resumed, 1), "going on from a checkpoint misses nothing, repeats nothing")
}

func testLiveCheckpoints(t *testing.T, s *target) {
	wanted := newStream()
	o := &observed{t: t, sub: s.subscribeAll(t, esdb.SubscribeToAllOptions{From: s.mark(t), MaxSearchWindow: 4,
		CheckpointInterval: 1, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{wanted}}})}
	for !o.caughtUp {
		require.Nil(t, o.next())
	}
	before := len(o.checkpoints)
	for range 10 {
		s.append(t, newStream(), esdb.NoStream{}, newEvents(4)...)
		s.append(t, wanted, esdb.Any{}, newEvent())
		o.events(1)
		require.LessOrEqual(t, o.last, s.considered(t))
	}
	require.GreaterOrEqual(t, len(o.checkpoints)-before, 5)
}

// rawReadFiltered reads the whole log with a filter, which the Go client does not offer.
func (s *target) rawReadFiltered(t *testing.T, from esdb.Position, prefix string, count uint64) []*api.ReadResp_ReadEvent {
	t.Helper()
	call, err := s.raw.Read(s.rawContext(t), &api.ReadReq{Options: &api.ReadReq_Options{
		StreamOption: &api.ReadReq_Options_All{All: &api.ReadReq_Options_AllOptions{AllOption: &api.ReadReq_Options_AllOptions_Position{
			Position: &api.ReadReq_Options_Position{CommitPosition: from.Commit, PreparePosition: from.Prepare}}}},
		CountOption: &api.ReadReq_Options_Count{Count: count},
		FilterOption: &api.ReadReq_Options_Filter{Filter: &api.ReadReq_Options_FilterOptions{
			Filter: &api.ReadReq_Options_FilterOptions_StreamIdentifier{
				StreamIdentifier: &api.ReadReq_Options_FilterOptions_Expression{Prefix: []string{prefix}}},
			Window: &api.ReadReq_Options_FilterOptions_Max{Max: 32}, CheckpointIntervalMultiplier: 1}},
		UuidOption: &api.ReadReq_Options_UUIDOption{Content: &api.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}}})
	require.NoError(t, err)
	var out []*api.ReadResp_ReadEvent
	for {
		resp, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		if e := resp.GetEvent(); e != nil {
			out = append(out, e)
		}
	}
}
