package embedded

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
)

// next is a subscription's next message, which must not be its end.
func next(t testing.TB, s *esdb.Subscription) *esdb.SubscriptionEvent {
	t.Helper()
	e := s.Recv()
	if e.SubscriptionDropped != nil {
		require.NoError(t, e.SubscriptionDropped.Error)
	}
	return e
}

// upToCaughtUp collects events and checkpoints until the subscription has caught up.
func upToCaughtUp(t testing.TB, s *esdb.Subscription) (events []*esdb.RecordedEvent, checkpoints []uint64) {
	t.Helper()
	for {
		switch e := next(t, s); {
		case e.CaughtUp != nil:
			return events, checkpoints
		case e.EventAppeared != nil:
			events = append(events, e.EventAppeared.Event)
		case e.CheckPointReached != nil:
			checkpoints = append(checkpoints, e.CheckPointReached.Commit)
		}
	}
}

func subscribeAll(t testing.TB, c *esdb.Client, o esdb.SubscribeToAllOptions) *esdb.Subscription {
	t.Helper()
	s, err := c.SubscribeToAll(within(t), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestFilters(t *testing.T) {
	c := newClient(t)
	for _, stream := range []string{"order-1", "order-2", "cart-1", "member-1"} {
		appendTo(t, c, stream, esdb.NoStream{}, event(stream[:4]+".made"), event(stream[:4]+".closed"))
	}
	for _, test := range []struct {
		name   string
		filter esdb.SubscriptionFilter
		want   int
	}{
		{"stream prefixes", esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"order-", "cart-"}}, 6},
		{"stream pattern", esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "^(order|member)-1$"}, 4},
		{"event type prefix", esdb.SubscriptionFilter{Type: esdb.EventFilterType, Prefixes: []string{"orde."}}, 4},
		{"event type pattern, unanchored", esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: "closed"}, 4},
		{"no system events", *esdb.ExcludeSystemEventsFilter(), 8},
		{"nothing", esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"none-"}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := subscribeAll(t, c, esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: &test.filter})
			got, _ := upToCaughtUp(t, s)
			require.Len(t, got, test.want)
		})
	}
	_, err := c.SubscribeToAll(within(t), esdb.SubscribeToAllOptions{From: esdb.Start{},
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "("}})
	require.ErrorContains(t, err, "regular expression")
}

func TestCheckpointsNeverRunAhead(t *testing.T) {
	c := newClient(t)
	for i := range 50 {
		appendTo(t, c, []string{"wanted", "other"}[i%2], esdb.Any{}, events("e", 2)...)
	}
	all := readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}})
	s := subscribeAll(t, c, esdb.SubscribeToAllOptions{From: esdb.Start{}, MaxSearchWindow: 5, CheckpointInterval: 2,
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"wanted"}}})
	got, checkpoints := upToCaughtUp(t, s)
	require.Len(t, got, 50)
	require.Len(t, checkpoints, 11, "ten intervals of ten, and the end of catch-up")
	for i, at := range checkpoints[:10] {
		require.Equal(t, all[10*(i+1)-1].Event.Position.Commit, at)
	}
	require.Equal(t, all[len(all)-1].Event.Position.Commit, checkpoints[10])

	// Live: a checkpoint after ten more events, none of which matches.
	var last *esdb.WriteResult
	for range 10 {
		last = appendTo(t, c, "other", esdb.Any{}, event("e"))
	}
	require.Equal(t, last.CommitPosition, next(t, s).CheckPointReached.Commit)
}

func TestASubscriptionGoesOnLiveAndResumesWithoutGapOrRepetition(t *testing.T) {
	c := newClient(t)
	const writers, each = 4, 150
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range each {
				_, err := c.AppendToStream(context.Background(), fmt.Sprintf("s-%d", w),
					esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("e"))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	filter := &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"s-"}}
	var from esdb.AllPosition = esdb.Start{}
	var got []uuid.UUID
	for len(got) < writers*each { // a subscription for every hundred events, resumed where the last one ended
		s := subscribeAll(t, c, esdb.SubscribeToAllOptions{From: from, Filter: filter})
		for n := 0; n < 100 && len(got) < writers*each; {
			if e := next(t, s); e.EventAppeared != nil {
				got = append(got, e.EventAppeared.Event.EventID)
				from = e.EventAppeared.Event.Position
				n++
			}
		}
		require.NoError(t, s.Close())
	}
	wg.Wait()
	var want []uuid.UUID
	for _, e := range readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}})[1:] {
		want = append(want, e.Event.EventID)
	}
	require.Equal(t, want, got)
}

func TestSubscribingToAStream(t *testing.T) {
	c := newClient(t)
	subscribe := func(from esdb.StreamPosition) *esdb.Subscription {
		s, err := c.SubscribeToStream(within(t), "s", esdb.SubscribeToStreamOptions{From: from})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	early := subscribe(esdb.Start{}) // before the stream exists
	require.NotNil(t, next(t, early).CaughtUp)
	appendTo(t, c, "s", esdb.NoStream{}, events("e", 3)...)
	for i := range 3 {
		require.EqualValues(t, i, next(t, early).EventAppeared.Event.EventNumber)
	}
	middle, end := subscribe(esdb.Revision(1)), subscribe(esdb.End{})
	require.EqualValues(t, 2, next(t, middle).EventAppeared.Event.EventNumber, "exclusive of the start")
	require.NotNil(t, next(t, middle).CaughtUp)
	require.NotNil(t, next(t, end).CaughtUp)
	appendTo(t, c, "other", esdb.Any{}, event("e"))
	appendTo(t, c, "s", esdb.Any{}, event("e"))
	for _, s := range []*esdb.Subscription{early, middle, end} {
		require.EqualValues(t, 3, next(t, s).EventAppeared.Event.EventNumber)
	}
	_, err := c.TombstoneStream(within(t), "s", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
	require.NoError(t, err)
	for _, s := range []*esdb.Subscription{early, middle, end} {
		require.ErrorContains(t, s.Recv().SubscriptionDropped.Error, "deleted")
	}
}

func TestSubscribingFromTheEndOfTheLog(t *testing.T) {
	c := newClient(t)
	appendTo(t, c, "s", esdb.Any{}, events("e", 3)...)
	s := subscribeAll(t, c, esdb.SubscribeToAllOptions{From: esdb.End{}})
	require.NotNil(t, next(t, s).CaughtUp)
	e := event("e")
	appendTo(t, c, "s", esdb.Any{}, e)
	require.Equal(t, e.EventID, next(t, s).EventAppeared.Event.EventID)
}

func TestClosingTheServerEndsSubscriptions(t *testing.T) {
	server, err := Open(t.Context(), testConfig(t.TempDir()))
	require.NoError(t, err)
	c := connect(t, server.ConnectionString())
	s := subscribeAll(t, c, esdb.SubscribeToAllOptions{From: esdb.End{}})
	require.NotNil(t, next(t, s).CaughtUp)
	require.NoError(t, server.Close())
	require.NotNil(t, s.Recv().SubscriptionDropped)
	require.NoError(t, server.Close(), "closing twice is fine")
}

// Clients ping an idle connection every 10 s; a server that minds ends it after the fourth. EVENTSTORE_IDLE=40s waits for that.
func TestAnIdleSubscriptionLives(t *testing.T) {
	idle, err := time.ParseDuration(cmp.Or(os.Getenv("EVENTSTORE_IDLE"), "100ms"))
	require.NoError(t, err)
	c := newClient(t)
	s, err := c.SubscribeToStream(t.Context(), "s", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	require.NoError(t, err)
	defer s.Close()
	require.NotNil(t, next(t, s).CaughtUp)
	<-time.After(idle) // what is tested is that nothing happens
	appendTo(t, c, "s", esdb.NoStream{}, event("e"))
	require.Zero(t, next(t, s).EventAppeared.Event.EventNumber)
}

// The official Go client cannot filter a read, ask for ids as text, or take stream position messages; others do.
func TestWhatOtherClientsAskFor(t *testing.T) {
	server := startServer(t, testConfig(t.TempDir()))
	c := connect(t, server.ConnectionString())
	e := event("e")
	appendTo(t, c, "a-1", esdb.NoStream{}, e)
	appendTo(t, c, "b-1", esdb.NoStream{}, events("e", 4)...)
	conn, err := grpc.NewClient(server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	read := func(o *api.ReadReq_Options) (out []*api.ReadResp) {
		o.CountOption = &api.ReadReq_Options_Count{Count: 10}
		o.UuidOption = &api.ReadReq_Options_UUIDOption{Content: &api.ReadReq_Options_UUIDOption_String_{String_: empty}}
		o.ControlOption = &api.ReadReq_Options_ControlOption{Compatibility: 1}
		call, err := api.NewStreamsClient(conn).Read(within(t), &api.ReadReq{Options: o})
		require.NoError(t, err)
		for {
			resp, err := call.Recv()
			if err != nil {
				return out
			}
			out = append(out, resp)
		}
	}
	filtered := read(&api.ReadReq_Options{StreamOption: &api.ReadReq_Options_All{All: &api.ReadReq_Options_AllOptions{}},
		FilterOption: &api.ReadReq_Options_Filter{Filter: &api.ReadReq_Options_FilterOptions{
			Filter: &api.ReadReq_Options_FilterOptions_StreamIdentifier{
				StreamIdentifier: &api.ReadReq_Options_FilterOptions_Expression{Prefix: []string{"a-"}}}}}})
	require.Len(t, filtered, 1)
	require.Equal(t, e.EventID.String(), filtered[0].GetEvent().GetEvent().GetId().GetString_())

	stream := read(&api.ReadReq_Options{StreamOption: &api.ReadReq_Options_Stream{Stream: &api.ReadReq_Options_StreamOptions{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("b-1")}}}})
	require.Len(t, stream, 5, "the first position is told only where it is far from where the read starts")
	require.EqualValues(t, 3, stream[4].GetLastStreamPosition())
}
