package storetest

import (
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"
)

func testMaxCount(t *testing.T, s *target) {
	from := s.mark(t)
	stream := s.full(t, 5)()
	s.setMetadata(t, stream, `{"$maxCount":2}`)
	require.Equal(t, []uint64{3, 4}, revisions(s.readFrom(t, stream, esdb.Start{})))
	require.Equal(t, []uint64{4, 3}, revisions(s.readBack(t, stream)))
	s.append(t, stream, esdb.Revision(4), newEvent())
	require.Equal(t, []uint64{4, 5}, revisions(s.readFrom(t, stream, esdb.Start{})))
	require.Len(t, s.inLog(t, from, stream), 6, "the whole log is not affected")
	s.setMetadata(t, stream, `{"$maxCount":4}`)
	require.Equal(t, []uint64{2, 3, 4, 5}, revisions(s.readFrom(t, stream, esdb.Start{})), "until it is scavenged")
}

func testMaxAge(t *testing.T, s *target) {
	from := s.mark(t)
	stream := s.full(t, 2)()
	s.setMetadata(t, stream, `{"$maxAge":1}`)
	require.Eventually(t, func() bool { return len(s.readFrom(t, stream, esdb.Start{})) == 0 }, patience, 50*time.Millisecond,
		"a stream whose events are all too old reads as empty, not as missing")
	require.Empty(t, s.readBack(t, stream))
	require.Len(t, s.inLog(t, from, stream), 2)
	require.EqualValues(t, 2, s.append(t, stream, esdb.Revision(1), newEvent()).NextExpectedVersion)
	s.setMetadata(t, stream, `{"$maxAge":100000}`)
	require.Equal(t, []uint64{0, 1, 2}, revisions(s.readFrom(t, stream, esdb.Start{})))
}

func testTruncateBefore(t *testing.T, s *target) {
	from := s.mark(t)
	stream := s.full(t, 5)()
	s.setMetadata(t, stream, `{"$tb":3}`)
	require.Equal(t, []uint64{3, 4}, revisions(s.readFrom(t, stream, esdb.Start{})))
	require.Equal(t, []uint64{3, 4}, revisions(s.readFrom(t, stream, esdb.Revision(1))))
	require.Equal(t, []uint64{4, 3}, revisions(s.readBack(t, stream)))
	require.Len(t, s.inLog(t, from, stream), 5)
	s.setMetadata(t, stream, `{"$tb":5}`)
	require.Empty(t, s.readFrom(t, stream, esdb.Start{}), "empty, not missing")
	require.EqualValues(t, 5, s.append(t, stream, esdb.Revision(4), newEvent()).NextExpectedVersion)
	s.setMetadata(t, stream, `{"$tb":0}`)
	require.Len(t, s.readFrom(t, stream, esdb.Start{}), 6, "until it is scavenged")
}

func testMetadataStreams(t *testing.T, s *target) {
	from := s.mark(t)
	stream := newStream()
	for _, metadata := range []string{`{"a":1}`, `{"a":2}`, `{"a":3}`} {
		s.setMetadata(t, stream, metadata)
	}
	got := s.readFrom(t, "$$"+stream, esdb.Start{})
	require.Equal(t, []uint64{2}, revisions(got))
	require.JSONEq(t, `{"a":3}`, string(got[0].Event.Data))
	require.Equal(t, []uint64{2}, revisions(s.readBack(t, "$$"+stream)))
	require.Len(t, s.inLog(t, from, "$$"+stream), 3)
	require.Equal(t, esdb.ErrorCodeResourceNotFound, code(t, s.readError(t, stream)), "metadata does not make a stream")
	meta, err := s.client.GetStreamMetadata(within(t), stream, esdb.ReadStreamOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 3, meta.CustomProperty("a"))
}
