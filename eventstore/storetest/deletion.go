package storetest

import (
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"
)

func (s *target) delete(t testing.TB, stream string) {
	t.Helper()
	_, err := s.client.DeleteStream(within(t), stream, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	require.NoError(t, err)
}

func (s *target) tombstone(t testing.TB, stream string) {
	t.Helper()
	_, err := s.client.TombstoneStream(within(t), stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
	require.NoError(t, err)
}

func testRecreate(t *testing.T, s *target) {
	for name, expected := range map[string]esdb.ExpectedRevision{
		"any": esdb.Any{}, "no stream": esdb.NoStream{}, "the last revision": esdb.Revision(2),
	} {
		stream := s.full(t, 3)()
		s.delete(t, stream)
		require.Equal(t, esdb.ErrorCodeResourceNotFound, code(t, s.readError(t, stream)), name)
		_, err := s.tryAppend(t, stream, esdb.StreamExists{}, newEvent())
		require.Equal(t, esdb.ErrorCodeStreamDeleted, code(t, err), name)
		result := s.append(t, stream, expected, newEvents(2)...)
		require.EqualValues(t, 4, result.NextExpectedVersion, name)
		require.Equal(t, []uint64{3, 4}, revisions(s.readFrom(t, stream, esdb.Start{})), name)
		require.Equal(t, []uint64{4, 3}, revisions(s.readBack(t, stream)), name)
	}
}

func testSoftDeleteKeepsAll(t *testing.T, s *target) {
	from := s.mark(t)
	stream := s.full(t, 3)()
	s.delete(t, stream)
	require.Len(t, s.inLog(t, from, stream), 3)
	meta := s.inLog(t, from, "$$"+stream)
	require.Len(t, meta, 1, "a soft delete is an event in the metadata stream")
	require.Equal(t, "$metadata", meta[0].EventType)
	require.JSONEq(t, `{"$tb": 9223372036854775807}`, string(meta[0].Data))
}

func testTombstone(t *testing.T, s *target) {
	from := s.mark(t)
	stream := s.full(t, 3)()
	_, err := s.client.TombstoneStream(within(t), stream, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Revision(7)})
	require.Error(t, err)
	s.tombstone(t, stream)
	deleted := func(err error) {
		t.Helper()
		require.Equal(t, esdb.ErrorCodeStreamDeleted, code(t, err))
	}
	deleted(s.readError(t, stream))
	for _, expected := range []esdb.ExpectedRevision{esdb.Any{}, esdb.NoStream{}, esdb.StreamExists{}, esdb.Revision(2)} {
		_, err := s.tryAppend(t, stream, expected, newEvent())
		deleted(err)
	}
	_, err = s.client.DeleteStream(within(t), stream, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	deleted(err)
	events := s.inLog(t, from, stream)
	require.Len(t, events, 4)
	require.Equal(t, "$streamDeleted", events[3].EventType)
}
