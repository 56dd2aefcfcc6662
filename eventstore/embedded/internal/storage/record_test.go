package storage

import (
	"bytes"
	"testing"

	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func TestARecordIsTheProtocolsMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := rapid.StringN(1, 200, -1).Draw(t, "stream")
		e := Event{ID: uuid.New(), Type: rapid.StringN(0, 200, -1).Draw(t, "type"), JSON: rapid.Bool().Draw(t, "json"),
			Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data"), Metadata: rapid.SliceOf(rapid.Byte()).Draw(t, "metadata")}
		revision := rapid.Int64Min(0).Draw(t, "revision")
		position := rapid.Uint64().Draw(t, "position")
		r := Record(newDraft(stream, e).appendRecord(nil, revision, position, 16000000000000000))

		require.NoError(t, r.validate())
		require.Equal(t, e.ID, r.ID())
		require.Equal(t, stream, string(r.Stream()))
		require.Equal(t, e.Type, string(r.Type()))
		require.Equal(t, revision, r.Revision())
		require.True(t, bytes.Equal(e.Data, r.Data()))
		var m api.ReadResp_ReadEvent_RecordedEvent
		require.NoError(t, proto.Unmarshal(r.Body(), &m))
		require.Equal(t, stream, string(m.GetStreamIdentifier().GetStreamName()))
		require.Equal(t, uint64(revision), m.GetStreamRevision())
		require.Equal(t, position, m.GetCommitPosition())
		require.Equal(t, position, m.GetPreparePosition())
		require.True(t, bytes.Equal(e.Metadata, m.GetCustomMetadata()))
		require.True(t, bytes.Equal(e.Data, m.GetData()))
		require.Equal(t, e.Type, m.GetMetadata()["type"])
		require.Equal(t, "16000000000000000", m.GetMetadata()["created"])
		require.Len(t, m.GetMetadata(), 3)
	})
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(Record(newDraft("s-1", Event{Type: "t", Data: []byte("d")}).appendRecord(nil, 3, 9, 7))))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Record(b)
		if r.validate() == nil {
			_, _, _, _ = r.Stream(), r.Type(), r.Data(), r.Created()
		}
	})
}

func FuzzStreamEntry(f *testing.F) {
	f.Add((&Stream{Head: 4, id: 2, Tombstoned: true}).encode(), []byte(`{"$maxCount":3,"$maxAge":10,"$tb":2}`))
	f.Fuzz(func(t *testing.T, entry, metadata []byte) {
		if s, err := decodeStream("s", entry); err == nil {
			require.Equal(t, entry[2:], s.encode()[2:])
		}
		r := parseRetention(metadata)
		require.True(t, r.maxCount >= 0 && r.maxAge >= 0 && r.truncateBefore >= 0)
		require.EqualValues(t, 7, parseRetention(withTruncateBefore(metadata, 7)).truncateBefore)
	})
}
