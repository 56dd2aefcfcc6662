package esdb_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/esdb"
	"github.com/kdesk/client-secrets/eventstore/storetest"
)

// undecoded passes on what an event's place is, without its contents.
type undecoded struct{}

func (undecoded) Decode(_ context.Context, records []eventstore.Record) ([]domain.Recorded, error) {
	events := make([]domain.Recorded, len(records))
	for i, r := range records {
		events[i] = domain.Recorded{ID: r.ID, Stream: r.Stream, Revision: r.Revision, Position: uint64(r.Position), At: r.At}
	}
	return events, nil
}

// subscriber returns a subscriber for topics that start at a position.
func subscriber(t *testing.T, log eventstore.Log, after eventstore.Position) *esdb.Subscriber {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	feed := eventstore.NewFeed(eventstore.FeedConfig{Log: log, Decoder: undecoded{}, Logger: quiet})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	s, err := esdb.NewSubscriber(esdb.SubscriberConfig{Feed: feed, Backoff: time.Millisecond, Logger: quiet, MaxBatch: 10,
		Checkpoints: func(context.Context, string) (eventstore.Position, eventstore.Filter, error) {
			return after, eventstore.Filter{StreamPrefixes: []string{"secret-"}}, nil
		}})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		cancel()
		<-ended
	})
	return s
}

func receive(t *testing.T, messages <-chan *message.Message) (*message.Message, eventstore.Batch) {
	t.Helper()
	select {
	case m, open := <-messages:
		require.True(t, open)
		b, ok := eventstore.BatchFrom(m.Context())
		require.True(t, ok)
		return m, b
	case <-time.After(10 * time.Second):
		t.Fatal("no message came")
		return nil, eventstore.Batch{}
	}
}

func TestATopicGoesOnlyOnWithAnAck(t *testing.T) {
	log, events := storetest.Open(t), proposed(25)
	_, err := log.Append(t.Context(), "secret-1", eventstore.NoStream(), events)
	require.NoError(t, err)
	messages, err := subscriber(t, log, eventstore.Start).Subscribe(t.Context(), "list")
	require.NoError(t, err)

	m, first := receive(t, messages)
	var payload struct {
		From, To eventstore.Position
		Count    int
	}
	require.NoError(t, json.Unmarshal(m.Payload, &payload))
	assert.Equal(t, first.To, payload.To)
	assert.Equal(t, 10, payload.Count)
	require.True(t, m.Nack())

	again, repeated := receive(t, messages)
	assert.Equal(t, m.UUID, again.UUID)
	assert.Equal(t, first, repeated)
	select {
	case <-messages:
		t.Fatal("two messages at once")
	case <-time.After(50 * time.Millisecond): // nothing can be waited for: nothing may come
	}
	require.True(t, again.Ack())

	var got []uuid.UUID
	for b := first; ; {
		for _, e := range b.Events {
			got = append(got, e.ID)
		}
		if len(got) == len(events) {
			break
		}
		from := b.To
		m, b = receive(t, messages)
		assert.Equal(t, from, b.From)
		require.True(t, m.Ack())
	}
	assert.Equal(t, ids(events), got)
}

func TestATopicStartsAtItsCheckpoint(t *testing.T) {
	log, events := storetest.Open(t), proposed(6)
	first, err := log.Append(t.Context(), "secret-1", eventstore.NoStream(), events[:3])
	require.NoError(t, err)
	_, err = log.Append(t.Context(), "ticket-1", eventstore.NoStream(), proposed(1))
	require.NoError(t, err)
	_, err = log.Append(t.Context(), "secret-1", eventstore.Exact(2), events[3:])
	require.NoError(t, err)
	messages, err := subscriber(t, log, first.Position).Subscribe(t.Context(), "list")
	require.NoError(t, err)
	m, b := receive(t, messages)
	m.Ack()
	require.Len(t, b.Events, 3)
	assert.Equal(t, events[3].ID, b.Events[0].ID)
	assert.Equal(t, events[5].ID, b.LastID)
}

func TestClosingEndsATopicInTheMiddleOfAMessage(t *testing.T) {
	log := storetest.Open(t)
	_, err := log.Append(t.Context(), "secret-1", eventstore.NoStream(), proposed(1))
	require.NoError(t, err)
	s := subscriber(t, log, eventstore.Start)
	messages, err := s.Subscribe(t.Context(), "list")
	require.NoError(t, err)
	m, _ := receive(t, messages)
	require.NoError(t, s.Close())
	assert.Error(t, m.Context().Err())
	_, open := <-messages
	assert.False(t, open)
	_, err = s.Subscribe(t.Context(), "list")
	assert.Error(t, err)
}
