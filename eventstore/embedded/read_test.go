package embedded

import (
	"math"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"
)

func TestReadingAStreamBothWays(t *testing.T) {
	c := newClient(t)
	appendTo(t, c, "s", esdb.NoStream{}, events("e", 6)...)
	for _, test := range []struct {
		name      string
		direction esdb.Direction
		from      esdb.StreamPosition
		limit     uint64
		want      []uint64
	}{
		{"forwards from the start", esdb.Forwards, esdb.Start{}, 100, []uint64{0, 1, 2, 3, 4, 5}},
		{"forwards with a limit", esdb.Forwards, esdb.Start{}, 2, []uint64{0, 1}},
		{"forwards from a revision, inclusive", esdb.Forwards, esdb.Revision(4), 100, []uint64{4, 5}},
		{"forwards from beyond the end", esdb.Forwards, esdb.Revision(9), 100, []uint64{}},
		{"forwards from the end", esdb.Forwards, esdb.End{}, 100, []uint64{}},
		{"backwards from the end", esdb.Backwards, esdb.End{}, 100, []uint64{5, 4, 3, 2, 1, 0}},
		{"backwards with a limit", esdb.Backwards, esdb.End{}, 2, []uint64{5, 4}},
		{"backwards from a revision, inclusive", esdb.Backwards, esdb.Revision(2), 100, []uint64{2, 1, 0}},
		{"backwards from the start", esdb.Backwards, esdb.Start{}, 100, []uint64{0}},
		{"backwards from beyond the end", esdb.Backwards, esdb.Revision(9), 1, []uint64{5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := c.ReadStream(within(t), "s", esdb.ReadStreamOptions{Direction: test.direction, From: test.from}, test.limit)
			require.Equal(t, test.want, revisions(collect(t, r, err)))
		})
	}
}

func TestALongStreamSpansManyChunks(t *testing.T) {
	c := newClient(t)
	for range 3 {
		appendTo(t, c, "s", esdb.Any{}, events("e", chunkFrames)...)
	}
	forwards := readStream(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}})
	backwards := readStream(t, c, "s", esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}})
	require.Len(t, forwards, 3*chunkFrames)
	require.Len(t, backwards, 3*chunkFrames)
	for i := range forwards {
		require.EqualValues(t, i, forwards[i].Event.EventNumber)
		require.Equal(t, forwards[i], backwards[len(backwards)-1-i])
	}
}

func TestReadingTheWholeLog(t *testing.T) {
	c := newClient(t)
	for i := range 4 {
		appendTo(t, c, []string{"a", "b"}[i%2], esdb.Any{}, events("e", chunkFrames/2)...)
	}
	all := readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}})
	require.Len(t, all, 1+2*chunkFrames, "with the event of $users")
	back := readAll(t, c, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}})
	require.Len(t, back, len(all))
	for i, e := range all {
		require.Equal(t, e, back[len(back)-1-i])
		require.True(t, i == 0 || all[i-1].Event.Position.Commit < e.Event.Position.Commit)
	}
	middle := all[7].Event.Position
	require.Equal(t, all[7:], readAll(t, c, esdb.ReadAllOptions{From: middle}), "forwards includes the position")
	require.Equal(t, all[6], readAll(t, c, esdb.ReadAllOptions{Direction: esdb.Backwards, From: middle})[0], "backwards excludes it")
	require.Empty(t, readAll(t, c, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.Start{}}))
	require.Empty(t, readAll(t, c, esdb.ReadAllOptions{From: esdb.End{}}))
	r, err := c.ReadAll(within(t), esdb.ReadAllOptions{From: esdb.Start{}}, 5)
	require.Equal(t, all[:5], collect(t, r, err))
}

func TestReadingAnAbsentStream(t *testing.T) {
	require.Equal(t, esdb.ErrorCodeResourceNotFound, code(t, readError(t, newClient(t), "absent")))
}

func TestASoftDeletedStreamComesBackWithTheNextRevision(t *testing.T) {
	c := newClient(t)
	fresh := events("e", 3)
	appendTo(t, c, "s", esdb.NoStream{}, fresh...)
	deleted, err := c.DeleteStream(within(t), "s", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(2)})
	require.NoError(t, err)
	require.Positive(t, deleted.Position.Commit)
	require.Equal(t, esdb.ErrorCodeResourceNotFound, code(t, readError(t, c, "s")))
	_, err = c.AppendToStream(within(t), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.StreamExists{}}, event("e"))
	require.Equal(t, esdb.ErrorCodeStreamDeleted, code(t, err))

	require.EqualValues(t, 4, appendTo(t, c, "s", esdb.NoStream{}, events("again", 2)...).NextExpectedVersion)
	require.Equal(t, []uint64{3, 4}, revisions(readStream(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}})))
	require.Equal(t, []uint64{4, 3}, revisions(readStream(t, c, "s", esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}})))
	meta, err := c.GetStreamMetadata(within(t), "s", esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}})
	require.NoError(t, err)
	require.EqualValues(t, 3, *meta.TruncateBefore())
}

func TestDeletingAtTheWrongRevision(t *testing.T) {
	c := newClient(t)
	appendTo(t, c, "s", esdb.NoStream{}, events("e", 3)...)
	_, err := c.DeleteStream(within(t), "s", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(1)})
	require.ErrorContains(t, err, "WrongExpectedVersion")
	_, err = c.TombstoneStream(within(t), "s", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.NoStream{}})
	require.ErrorContains(t, err, "WrongExpectedVersion")
	require.Len(t, readStream(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}}), 3)
}

func TestATombstonedStreamIsGoneForGood(t *testing.T) {
	c := newClient(t)
	appendTo(t, c, "s", esdb.NoStream{}, events("e", 3)...)
	_, err := c.TombstoneStream(within(t), "s", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Revision(2)})
	require.NoError(t, err)
	require.Equal(t, esdb.ErrorCodeStreamDeleted, code(t, readError(t, c, "s")))
	require.Equal(t, esdb.ErrorCodeStreamDeleted, code(t, readError(t, c, "$$s")))
	for _, stream := range []string{"s", "$$s"} {
		_, err = c.AppendToStream(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("e"))
		require.Equal(t, esdb.ErrorCodeStreamDeleted, code(t, err))
	}
	_, err = c.DeleteStream(within(t), "s", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	require.Equal(t, esdb.ErrorCodeStreamDeleted, code(t, err))
	last := readAll(t, c, esdb.ReadAllOptions{Direction: esdb.Backwards, From: esdb.End{}})[0]
	require.Equal(t, "$streamDeleted", last.Event.EventType)
	require.EqualValues(t, math.MaxInt64, last.Event.EventNumber)
}

func TestRetentionHidesEventsFromStreamReadsOnly(t *testing.T) {
	now := time.Now()
	cfg := testConfig(t.TempDir())
	cfg.now = func() time.Time { return now.Add(-time.Hour) } // everything is an hour old
	c := connect(t, startServer(t, cfg).ConnectionString())
	set := func(stream string, change func(*esdb.StreamMetadata)) {
		appendTo(t, c, stream, esdb.NoStream{}, events("e", 5)...)
		var m esdb.StreamMetadata
		change(&m)
		_, err := c.SetStreamMetadata(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, m)
		require.NoError(t, err)
	}
	set("count", func(m *esdb.StreamMetadata) { m.SetMaxCount(2) })
	set("before", func(m *esdb.StreamMetadata) { m.SetTruncateBefore(3) })
	set("all-before", func(m *esdb.StreamMetadata) { m.SetTruncateBefore(5) })
	set("age", func(m *esdb.StreamMetadata) { m.SetMaxAge(time.Minute) })
	set("young", func(m *esdb.StreamMetadata) { m.SetMaxAge(2 * time.Hour) })
	for stream, want := range map[string][]uint64{"count": {3, 4}, "before": {3, 4}, "all-before": {}, "age": {},
		"young": {0, 1, 2, 3, 4}} {
		require.Equal(t, want, revisions(readStream(t, c, stream, esdb.ReadStreamOptions{From: esdb.Start{}})), stream)
		require.Len(t, readStream(t, c, stream, esdb.ReadStreamOptions{Direction: esdb.Backwards, From: esdb.End{}}), len(want), stream)
	}
	set("count-2", func(m *esdb.StreamMetadata) { m.SetMaxCount(1) })
	require.Len(t, readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}}), 1+6*6)

	_, err := c.SetStreamMetadata(within(t), "count", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, esdb.StreamMetadata{})
	require.NoError(t, err)
	require.Len(t, readStream(t, c, "count", esdb.ReadStreamOptions{From: esdb.Start{}}), 5, "lifting it shows them again")
	require.Equal(t, []uint64{1}, revisions(readStream(t, c, "$$count", esdb.ReadStreamOptions{From: esdb.Start{}})))
}

func TestLinksAreFollowedOnRequest(t *testing.T) {
	c := newClient(t)
	appendTo(t, c, "target", esdb.NoStream{}, events("e", 3)...)
	link := func(data string) esdb.EventData {
		e := event("$>")
		e.ContentType, e.Data = esdb.ContentTypeBinary, []byte(data)
		return e
	}
	appendTo(t, c, "links", esdb.NoStream{}, link("2@target"), link("0@target"), link("9@target"), link("junk"))
	got := readStream(t, c, "links", esdb.ReadStreamOptions{From: esdb.Start{}, ResolveLinkTos: true})
	require.Len(t, got, 4)
	for i, want := range []uint64{2, 0} {
		require.Equal(t, "target", got[i].Event.StreamID)
		require.Equal(t, want, got[i].Event.EventNumber)
		require.EqualValues(t, i, got[i].Link.EventNumber)
		require.EqualValues(t, i, got[i].OriginalEvent().EventNumber)
	}
	require.Nil(t, got[2].Event)
	require.Nil(t, got[3].Event)
	plain := readStream(t, c, "links", esdb.ReadStreamOptions{From: esdb.Start{}})
	require.Equal(t, "$>", plain[0].Event.EventType)
	require.Nil(t, plain[0].Link)
}
