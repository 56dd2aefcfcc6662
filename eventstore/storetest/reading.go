package storetest

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func testStreamBounds(t *testing.T, s *target) {
	stream := s.full(t, 6)()
	for _, one := range []struct {
		from      esdb.StreamPosition
		direction esdb.Direction
		count     uint64
		want      []uint64
	}{
		{esdb.Start{}, esdb.Forwards, 100, []uint64{0, 1, 2, 3, 4, 5}},
		{esdb.Start{}, esdb.Forwards, 2, []uint64{0, 1}},
		{esdb.Revision(3), esdb.Forwards, 100, []uint64{3, 4, 5}},
		{esdb.Revision(5), esdb.Forwards, 100, []uint64{5}},
		{esdb.Revision(6), esdb.Forwards, 100, []uint64{}},
		{esdb.End{}, esdb.Backwards, 100, []uint64{5, 4, 3, 2, 1, 0}},
		{esdb.End{}, esdb.Backwards, 1, []uint64{5}},
		{esdb.Revision(3), esdb.Backwards, 2, []uint64{3, 2}},
		{esdb.Revision(0), esdb.Backwards, 100, []uint64{0}},
		{esdb.Start{}, esdb.Backwards, 100, []uint64{0}},
		{esdb.Revision(90), esdb.Backwards, 2, []uint64{5, 4}},
	} {
		got := revisions(s.read(t, stream, esdb.ReadStreamOptions{From: one.from, Direction: one.direction}, one.count))
		require.Equal(t, one.want, got, "%v %v %d", one.from, one.direction, one.count)
	}
}

func testAllBounds(t *testing.T, s *target) {
	first, last := newEvent(), newEvent()
	from := positionOf(s.append(t, newStream(), esdb.NoStream{}, first))
	to := positionOf(s.append(t, newStream(), esdb.NoStream{}, last))
	read := func(o esdb.ReadAllOptions, count uint64) []*esdb.ResolvedEvent {
		r, err := s.client.ReadAll(within(t), o, count)
		return collect(t, r, err)
	}
	require.Equal(t, first.EventID, read(esdb.ReadAllOptions{From: from}, 1)[0].Event.EventID, "forwards is inclusive")
	for _, e := range read(esdb.ReadAllOptions{From: to, Direction: esdb.Backwards}, 500) {
		require.NotEqual(t, last.EventID, e.OriginalEvent().EventID, "backwards is exclusive")
		require.Less(t, e.OriginalEvent().Position.Commit, to.Commit)
		if e.OriginalEvent().EventID == first.EventID {
			break
		}
	}
	require.Empty(t, read(esdb.ReadAllOptions{From: esdb.Start{}, Direction: esdb.Backwards}, 10))
	require.Len(t, read(esdb.ReadAllOptions{From: esdb.Start{}}, 1), 1)
	back := read(esdb.ReadAllOptions{From: esdb.End{}, Direction: esdb.Backwards}, 1)
	require.GreaterOrEqual(t, back[0].OriginalEvent().Position.Commit, to.Commit)
}

func testMissingStreams(t *testing.T, s *target) {
	for _, stream := range []string{newStream(), "$$" + newStream()} {
		require.Equal(t, esdb.ErrorCodeResourceNotFound, code(t, s.readError(t, stream)))
	}
}

// rawRead reads a stream as clients do that understand the stream position messages.
func (s *target) rawRead(t *testing.T, stream string, direction api.ReadReq_Options_ReadDirection, from, count uint64) []*api.ReadResp {
	t.Helper()
	call, err := s.raw.Read(s.rawContext(t), &api.ReadReq{Options: &api.ReadReq_Options{
		StreamOption: &api.ReadReq_Options_Stream{Stream: &api.ReadReq_Options_StreamOptions{StreamIdentifier: rawStream(stream),
			RevisionOption: &api.ReadReq_Options_StreamOptions_Revision{Revision: from}}},
		ReadDirection: direction, CountOption: &api.ReadReq_Options_Count{Count: count},
		FilterOption:  &api.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption:    &api.ReadReq_Options_UUIDOption{Content: &api.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
		ControlOption: &api.ReadReq_Options_ControlOption{Compatibility: 1}}})
	require.NoError(t, err)
	var out []*api.ReadResp
	for {
		resp, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, resp)
	}
}

func testStreamPositions(t *testing.T, s *target) {
	stream := s.full(t, 100)()
	shape := func(responses []*api.ReadResp) (events int, first, last string) {
		for _, r := range responses {
			switch c := r.Content.(type) {
			case *api.ReadResp_Event:
				events++
			case *api.ReadResp_FirstStreamPosition:
				require.Zero(t, events, "the first position comes before the events")
				first = fmt.Sprint(c.FirstStreamPosition)
			case *api.ReadResp_LastStreamPosition:
				last = fmt.Sprint(c.LastStreamPosition)
			default:
				require.Fail(t, "unexpected", "%v", r)
			}
		}
		return events, first, last
	}
	check := func(direction api.ReadReq_Options_ReadDirection, from, count uint64, wantEvents int, wantFirst string) {
		t.Helper()
		events, first, last := shape(s.rawRead(t, stream, direction, from, count))
		require.Equal(t, wantEvents, events)
		require.Equal(t, wantFirst, first)
		require.Equal(t, "99", last, "every read tells the last position")
	}
	check(api.ReadReq_Options_Forwards, 0, 10, 10, "")
	check(api.ReadReq_Options_Forwards, 100, 10, 0, "")
	check(api.ReadReq_Options_Forwards, 120, 10, 0, "100")
	check(api.ReadReq_Options_Backwards, 99, 10, 10, "")
	s.setMetadata(t, stream, `{"$tb":81}`)
	check(api.ReadReq_Options_Forwards, 0, 10, 10, "81")
	check(api.ReadReq_Options_Forwards, 81, 10, 10, "")
	check(api.ReadReq_Options_Backwards, 99, 50, 19, "")
}

func link(revision uint64, stream string) esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: "$>", ContentType: esdb.ContentTypeBinary,
		Data: fmt.Appendf(nil, "%d@%s", revision, stream)}
}

func testLinks(t *testing.T, s *target) {
	from := s.mark(t)
	source, links := s.full(t, 3)(), newStream()
	s.append(t, links, esdb.NoStream{}, link(1, source), link(7, source), link(0, newStream()), newEvent())

	plain := s.readFrom(t, links, esdb.Start{})
	require.Len(t, plain, 4)
	require.Equal(t, "$>", plain[0].Event.EventType)
	require.Nil(t, plain[0].Link)
	resolved := s.read(t, links, esdb.ReadStreamOptions{From: esdb.Start{}, ResolveLinkTos: true}, 10)
	require.Len(t, resolved, 4)
	require.Equal(t, source, resolved[0].Event.StreamID)
	require.EqualValues(t, 1, resolved[0].Event.EventNumber)
	require.Equal(t, links, resolved[0].Link.StreamID)
	require.EqualValues(t, 0, resolved[0].Link.EventNumber)
	for _, dangling := range resolved[1:3] {
		require.Nil(t, dangling.Event, "what a link points to may be gone")
		require.NotNil(t, dangling.Link)
	}
	require.Nil(t, resolved[3].Link, "no link")

	s.setMetadata(t, source, `{"$tb":2}`)
	gone := s.read(t, links, esdb.ReadStreamOptions{From: esdb.Start{}, ResolveLinkTos: true}, 1)
	require.Nil(t, gone[0].Event, "truncated")
	r, err := s.client.ReadAll(within(t), esdb.ReadAllOptions{From: from, ResolveLinkTos: true}, 20)
	for _, e := range collect(t, r, err) {
		if e.Link != nil {
			require.Equal(t, links, e.OriginalEvent().StreamID)
			return
		}
	}
	require.Fail(t, "reads of the whole log resolve links too")
}
