package eventstore_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/catalog"
	"github.com/kdesk/client-secrets/eventstore"
)

// plainKeys only binds a text to its place. It takes no text that it did not seal itself for that very place.
type plainKeys struct{}

func (plainKeys) LoadKeys(context.Context, uuid.UUID, []string, bool) error { return nil }

func (plainKeys) SealText(_ context.Context, _ uuid.UUID, subject string, aad []byte, text string) ([]byte, error) {
	return []byte(subject + string(aad) + text), nil
}

func (plainKeys) OpenText(_ context.Context, _ uuid.UUID, subject string, aad, sealed []byte) (string, bool, error) {
	text, found := bytes.CutPrefix(sealed, []byte(subject+string(aad)))
	if !found {
		return "", false, errors.New("sealed for another place")
	}
	return string(text), false, nil
}

// What is stored may be anything. It is an error or one event, which is written again as it was read.
func FuzzDecode(f *testing.F) {
	id := uuid.MustParse("0194f3c6-0000-7000-8000-000000000001")
	f.Add("", "", []byte(nil), []byte(nil))
	for _, t := range catalog.Types() {
		golden, err := os.ReadFile(filepath.Join("..", "domain", "catalog", "testdata", t.Name+".json"))
		require.NoError(f, err)
		stream := t.Aggregate + "-" + id.String()
		f.Add(t.Name, stream, golden, []byte(`{"workspace":"0194f3c6-0000-7000-8000-000000000002","command":"0194f3c6-0000-7000-8000-000000000003"}`))
		f.Add(t.Name, stream, []byte(`{}`), []byte(`{}`))
		f.Add(t.Name, strings.ToUpper(stream), golden, []byte(`[]`))
	}
	codec := &eventstore.Codec{Keys: plainKeys{}}
	f.Fuzz(func(t *testing.T, kind, stream string, data, metadata []byte) {
		record := eventstore.Record{ID: id, Stream: stream, Type: kind, Data: data, Metadata: metadata, Revision: 3, Position: 9}
		events, err := codec.Decode(t.Context(), []eventstore.Record{record})
		if err != nil {
			require.Nil(t, events)
			return
		}
		require.Len(t, events, 1)
		require.Equal(t, kind, events[0].Event.EventType())
		require.Equal(t, domain.Recorded{ID: id, Stream: stream, Revision: 3, Position: 9, Meta: events[0].Meta, Event: events[0].Event}, events[0])
		first := encode(t, codec, stream, events[0])
		record.ID, record.Data, record.Metadata = first.ID, first.Data, first.Metadata
		again, err := codec.Decode(t.Context(), []eventstore.Record{record})
		require.NoError(t, err)
		require.Equal(t, first, encode(t, codec, stream, again[0]))
	})
}

func encode(t *testing.T, codec *eventstore.Codec, stream string, e domain.Recorded) eventstore.Proposed {
	t.Helper()
	proposed, err := codec.Encode(t.Context(), stream, e.Meta, []domain.Event{e.Event})
	require.NoError(t, err)
	require.Len(t, proposed, 1)
	return proposed[0]
}
