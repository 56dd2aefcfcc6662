package embedded

import (
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"
)

func TestAnEventReadsBackAsItWasWritten(t *testing.T) {
	c := newClient(t)
	e := event("thing.made.v1")
	result := appendTo(t, c, "thing-1", esdb.NoStream{}, e)
	require.EqualValues(t, 0, result.NextExpectedVersion)
	require.Equal(t, result.CommitPosition, result.PreparePosition)

	got := readStream(t, c, "thing-1", esdb.ReadStreamOptions{From: esdb.Start{}})
	require.Len(t, got, 1)
	r := got[0].Event
	require.Equal(t, e.EventID, r.EventID)
	require.Equal(t, "thing.made.v1", r.EventType)
	require.Equal(t, "application/json", r.ContentType)
	require.Equal(t, "thing-1", r.StreamID)
	require.Equal(t, e.Data, r.Data)
	require.Equal(t, e.Metadata, r.UserMetadata)
	require.Equal(t, result.CommitPosition, r.Position.Commit)
	require.Equal(t, result.CommitPosition, *got[0].Commit)
	require.False(t, r.CreatedDate.IsZero())
}

func TestExpectedRevisions(t *testing.T) {
	c := newClient(t)
	appendTo(t, c, "full", esdb.NoStream{}, events("e", 3)...)
	_, err := c.SetStreamMetadata(within(t), "bare", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, esdb.StreamMetadata{})
	require.NoError(t, err)
	for _, test := range []struct {
		name, stream string
		expected     esdb.ExpectedRevision
		refused      bool
	}{
		{"any of an absent stream", "absent-1", esdb.Any{}, false},
		{"no stream of an absent one", "absent-2", esdb.NoStream{}, false},
		{"exists of an absent one", "absent-3", esdb.StreamExists{}, true},
		{"a revision of an absent one", "absent-4", esdb.Revision(0), true},
		{"no stream of a full one", "full", esdb.NoStream{}, true},
		{"too low a revision", "full", esdb.Revision(1), true},
		{"too high a revision", "full", esdb.Revision(3), true},
		{"the right revision", "full", esdb.Revision(2), false},
		{"exists of a full one", "full", esdb.StreamExists{}, false},
		{"any of a full one", "full", esdb.Any{}, false},
		{"exists of one with metadata only", "bare", esdb.StreamExists{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.AppendToStream(within(t), test.stream, esdb.AppendToStreamOptions{ExpectedRevision: test.expected}, event("e"))
			if !test.refused {
				require.NoError(t, err)
				return
			}
			require.Equal(t, esdb.ErrorCodeWrongExpectedVersion, code(t, err))
		})
	}
}

func TestARepeatedAppendAnswersLikeTheFirst(t *testing.T) {
	dir := t.TempDir()
	server, err := Open(t.Context(), testConfig(dir))
	require.NoError(t, err)
	c := connect(t, server.ConnectionString())
	fresh, exact, loose := events("a", 3), events("b", 2), events("c", 2)
	first := appendTo(t, c, "s", esdb.NoStream{}, fresh...)
	second := appendTo(t, c, "s", esdb.Revision(2), exact...)
	third := appendTo(t, c, "s", esdb.Any{}, loose...)
	repeat := func(c *esdb.Client) {
		require.Equal(t, first, appendTo(t, c, "s", esdb.NoStream{}, fresh...))
		require.Equal(t, second, appendTo(t, c, "s", esdb.Revision(2), exact...))
		for _, partial := range [][]esdb.EventData{{exact[0], event("x")}, {event("x"), exact[1]}} {
			_, err := c.AppendToStream(within(t), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(2)}, partial...)
			require.Equal(t, esdb.ErrorCodeWrongExpectedVersion, code(t, err))
		}
	}
	repeat(c)
	require.Equal(t, third, appendTo(t, c, "s", esdb.Any{}, loose...))
	require.Equal(t, third, appendTo(t, c, "s", esdb.StreamExists{}, loose...))
	require.Len(t, readStream(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}}), 7)

	require.NoError(t, server.Close())
	c = connect(t, startServer(t, testConfig(dir)).ConnectionString())
	repeat(c)
	require.Len(t, readStream(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}}), 7)
}

func TestAnAppendHasASizeLimit(t *testing.T) {
	c := newClient(t)
	big := event("t")
	big.Metadata = nil
	big.Data = make([]byte, MaxAppendSize-2)
	appendTo(t, c, "s", esdb.Any{}, big)
	over := event("t")
	over.Data = make([]byte, MaxAppendSize)
	_, err := c.AppendToStream(within(t), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, over)
	require.Error(t, err)
	require.Len(t, readStream(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}}), 1)
}
