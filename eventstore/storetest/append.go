package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// maxAppend is the servers' default limit of one append: data, metadata and twice the type of all its events.
const maxAppend = 1 << 20

func testReadBack(t *testing.T, s *target) {
	stream := newStream()
	written := newEvents(2)
	written[0].Metadata = []byte(`{"by":"suite"}`)
	written[1].ContentType, written[1].EventType, written[1].Data = esdb.ContentTypeBinary, "größer", []byte{0, 255, 1}
	result := s.append(t, stream, esdb.NoStream{}, written...)
	require.EqualValues(t, 1, result.NextExpectedVersion)

	got := s.readFrom(t, stream, esdb.Start{})
	require.Len(t, got, 2)
	for i, e := range got {
		require.Nil(t, e.Link)
		require.Equal(t, stream, e.Event.StreamID)
		require.Equal(t, written[i].EventID, e.Event.EventID)
		require.Equal(t, written[i].EventType, e.Event.EventType)
		require.Equal(t, written[i].Data, e.Event.Data)
		require.Equal(t, string(written[i].Metadata), string(e.Event.UserMetadata))
		require.EqualValues(t, i, e.Event.EventNumber)
		require.WithinDuration(t, time.Now(), e.Event.CreatedDate, time.Hour)
	}
	require.Equal(t, "application/json", got[0].Event.ContentType)
	require.Equal(t, "application/octet-stream", got[1].Event.ContentType)
	require.Equal(t, positionOf(result), got[1].Event.Position)
}

func testPositions(t *testing.T, s *target) {
	streams := []string{newStream(), newStream()}
	from := s.mark(t)
	last := from
	for i := range 10 {
		result := s.append(t, streams[i%2], esdb.Any{}, newEvents(2)...)
		require.Equal(t, result.CommitPosition, result.PreparePosition)
		require.Greater(t, result.CommitPosition, last.Commit)
		last = positionOf(result)
	}
	for _, stream := range streams {
		before := from.Commit
		events := s.inLog(t, from, stream)
		require.Len(t, events, 10)
		for _, e := range events {
			require.Greater(t, e.Position.Commit, before)
			before = e.Position.Commit
		}
	}
}

func testExpectedRevisions(t *testing.T, s *target) {
	bare := newStream()
	s.setMetadata(t, bare, `{"owner":"suite"}`)
	for _, one := range []struct {
		name     string
		stream   func() string
		expected esdb.ExpectedRevision
		refused  bool
	}{
		{"any of an absent stream", newStream, esdb.Any{}, false},
		{"no stream of an absent one", newStream, esdb.NoStream{}, false},
		{"exists of an absent one", newStream, esdb.StreamExists{}, true},
		{"a revision of an absent one", newStream, esdb.Revision(0), true},
		{"no stream of a full one", s.full(t, 3), esdb.NoStream{}, true},
		{"too low a revision", s.full(t, 3), esdb.Revision(1), true},
		{"too high a revision", s.full(t, 3), esdb.Revision(3), true},
		{"the right revision", s.full(t, 3), esdb.Revision(2), false},
		{"exists of a full one", s.full(t, 3), esdb.StreamExists{}, false},
		{"any of a full one", s.full(t, 3), esdb.Any{}, false},
		{"exists of one with metadata only", func() string { return bare }, esdb.StreamExists{}, false},
	} {
		_, err := s.tryAppend(t, one.stream(), one.expected, newEvent())
		if !one.refused {
			require.NoError(t, err, one.name)
			continue
		}
		require.Error(t, err, one.name)
		wrongVersion(t, err)
	}
}

// full makes streams of n events.
func (s *target) full(t *testing.T, n int) func() string {
	return func() string {
		stream := newStream()
		s.append(t, stream, esdb.NoStream{}, newEvents(n)...)
		return stream
	}
}

func testAllOrNone(t *testing.T, s *target) {
	stream := newStream()
	s.append(t, stream, esdb.NoStream{}, newEvents(20)...)
	_, err := s.tryAppend(t, stream, esdb.Revision(7), newEvents(20)...)
	wrongVersion(t, err)
	require.Len(t, s.readFrom(t, stream, esdb.Start{}), 20)
}

func testConcurrentAppends(t *testing.T, s *target) {
	stream := newStream()
	s.append(t, stream, esdb.NoStream{}, newEvent())
	var writers sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		writers.Go(func() { _, errs[i] = s.tryAppend(t, stream, esdb.Revision(0), newEvent()) })
	}
	writers.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wrongVersion(t, err)
	}
	require.Equal(t, 1, won)
	require.Len(t, s.readFrom(t, stream, esdb.Start{}), 2)
}

func testSizeLimit(t *testing.T, s *target) {
	stream := newStream()
	e := esdb.EventData{EventID: uuid.New(), EventType: "type", ContentType: esdb.ContentTypeBinary, Metadata: make([]byte, 100)}
	e.Data = make([]byte, maxAppend-100-2*len(e.EventType))
	s.append(t, stream, esdb.NoStream{}, e)
	e.EventID, e.Data = uuid.New(), append(e.Data, 0)
	_, err := s.tryAppend(t, stream, esdb.Any{}, e)
	require.Error(t, err, "one byte more than the limit")
	e.Data = make([]byte, maxAppend/2)
	_, err = s.tryAppend(t, stream, esdb.Any{}, e, e)
	require.Error(t, err, "the limit is of all events together")
	require.Len(t, s.readFrom(t, stream, esdb.Start{}), 1)
}

func testRepeatNoStream(t *testing.T, s *target) {
	stream := newStream()
	written := newEvents(3)
	first := s.append(t, stream, esdb.NoStream{}, written...)
	require.Equal(t, first.NextExpectedVersion, s.append(t, stream, esdb.NoStream{}, written...).NextExpectedVersion)
	s.append(t, stream, esdb.Revision(2), newEvents(2)...)
	require.Equal(t, first.NextExpectedVersion, s.append(t, stream, esdb.NoStream{}, written...).NextExpectedVersion,
		"other events may have followed")
	require.Len(t, s.readFrom(t, stream, esdb.Start{}), 5)
}

func testRepeatExact(t *testing.T, s *target) {
	stream := newStream()
	s.append(t, stream, esdb.NoStream{}, newEvents(3)...)
	written := newEvents(2)
	first := s.append(t, stream, esdb.Revision(2), written...)
	s.append(t, stream, esdb.Any{}, newEvent())
	again := s.append(t, stream, esdb.Revision(2), written...)
	require.Equal(t, first.NextExpectedVersion, again.NextExpectedVersion)
	for name, events := range map[string][]esdb.EventData{
		"another event":            {newEvent()},
		"the first differs":        {newEvent(), written[1]},
		"the second differs":       {written[0], newEvent()},
		"in another order":         {written[1], written[0]},
		"more than there is":       {written[0], written[1], newEvent(), newEvent()},
		"the events of a later on": {written[1]},
	} {
		_, err := s.tryAppend(t, stream, esdb.Revision(2), events...)
		require.Error(t, err, name)
		wrongVersion(t, err)
	}
	require.Len(t, s.readFrom(t, stream, esdb.Start{}), 6)
}

func testRepeatLoose(t *testing.T, s *target) {
	stream := newStream()
	s.append(t, stream, esdb.NoStream{}, newEvents(2)...)
	written := newEvents(2)
	first := s.append(t, stream, esdb.Any{}, written...)
	for _, expected := range []esdb.ExpectedRevision{esdb.Any{}, esdb.StreamExists{}} {
		require.Equal(t, first.NextExpectedVersion, s.append(t, stream, expected, written...).NextExpectedVersion)
	}
	require.Len(t, s.readFrom(t, stream, esdb.Start{}), 4)
	s.append(t, newStream(), esdb.Any{}, written...)
}
