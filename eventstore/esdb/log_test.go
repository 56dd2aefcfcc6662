package esdb_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, ofTheProxy...) }

// proposed returns n events with random ids.
func proposed(n int) []eventstore.Proposed {
	events := make([]eventstore.Proposed, n)
	for i := range events {
		events[i] = eventstore.Proposed{ID: uuid.New(), Type: "thing.happened.v1", Data: fmt.Appendf(nil, `{"n":%d}`, i),
			Metadata: []byte(`{"by":"test"}`)}
	}
	return events
}

func ids[E eventstore.Proposed | eventstore.Record](events []E) []uuid.UUID {
	out := make([]uuid.UUID, len(events))
	for i, e := range events {
		switch e := any(e).(type) {
		case eventstore.Proposed:
			out[i] = e.ID
		case eventstore.Record:
			out[i] = e.ID
		}
	}
	return out
}

func all(t *testing.T, log eventstore.Log, after eventstore.Position, limit uint64, filter eventstore.Filter) []eventstore.Record {
	t.Helper()
	var records []eventstore.Record
	for r, err := range log.ReadAll(t.Context(), after, limit, filter) {
		require.NoError(t, err)
		records = append(records, r)
	}
	return records
}

func TestAppendExpectsARevision(t *testing.T) {
	log, events := storetest.Open(t), proposed(3)

	first, err := log.Append(t.Context(), "secret-1", eventstore.NoStream(), events[:2])
	require.NoError(t, err)
	assert.EqualValues(t, 1, first.Revision)
	assert.NotZero(t, first.Position)

	again, err := log.Append(t.Context(), "secret-1", eventstore.NoStream(), events[:2])
	require.NoError(t, err, "the same ids once more")
	assert.Equal(t, first, again)

	_, err = log.Append(t.Context(), "secret-1", eventstore.NoStream(), events[2:])
	assert.ErrorIs(t, err, eventstore.ErrWrongRevision)
	_, err = log.Append(t.Context(), "secret-1", eventstore.Exact(7), events[2:])
	assert.ErrorIs(t, err, eventstore.ErrWrongRevision)
	second, err := log.Append(t.Context(), "secret-1", eventstore.Exact(1), events[2:])
	require.NoError(t, err)
	assert.Greater(t, second.Position, first.Position)
	_, err = log.Append(t.Context(), "secret-1", eventstore.AnyRevision(), proposed(1))
	require.NoError(t, err)
}

func TestAppendBeginsNothingForWhoIsGone(t *testing.T) {
	log := storetest.Open(t)
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err := log.Append(gone, "secret-1", eventstore.NoStream(), proposed(1))
	require.Error(t, err)
	_, err = log.Append(t.Context(), "secret-1", eventstore.NoStream(), proposed(1))
	require.NoError(t, err, "the stream is still empty")
}

func TestAppendRefusesWhatCannotBeMeant(t *testing.T) {
	log := storetest.Open(t)
	_, err := log.Append(t.Context(), "secret-1", eventstore.Expected{}, proposed(1))
	assert.ErrorContains(t, err, "expected revision")
	_, err = log.Append(t.Context(), "secret-1", eventstore.NoStream(), nil)
	assert.ErrorContains(t, err, "no events")
	_, err = log.Append(t.Context(), "secret-1", eventstore.NoStream(), []eventstore.Proposed{{Type: "x"}})
	assert.ErrorContains(t, err, "no id")
	large := proposed(1)
	large[0].Data = make([]byte, eventstore.MaxAppendBytes)
	_, err = log.Append(t.Context(), "secret-1", eventstore.NoStream(), large)
	assert.ErrorIs(t, err, eventstore.ErrTooLarge)
}

func TestAppendTakesTheLargestThereMayBe(t *testing.T) {
	log, large := storetest.Open(t), proposed(1)
	rest := eventstore.MaxAppendBytes - len(large[0].Metadata) - 2*len(large[0].Type)
	large[0].Data = fmt.Appendf(nil, `"%0*d"`, rest-2, 0)
	_, err := log.Append(t.Context(), "secret-1", eventstore.NoStream(), large)
	assert.NoError(t, err)
}

func TestReadStream(t *testing.T) {
	log, events := storetest.Open(t), proposed(700)
	_, err := log.Append(t.Context(), "secret-1", eventstore.NoStream(), events)
	require.NoError(t, err)

	var records []eventstore.Record
	for r, err := range log.ReadStream(t.Context(), "secret-1", 10) {
		require.NoError(t, err)
		records = append(records, r)
	}
	require.Equal(t, ids(events[10:]), ids(records))
	r := records[0]
	assert.EqualValues(t, 10, r.Revision)
	assert.Equal(t, "secret-1", r.Stream)
	assert.Equal(t, "thing.happened.v1", r.Type)
	assert.JSONEq(t, `{"n":10}`, string(r.Data))
	assert.JSONEq(t, `{"by":"test"}`, string(r.Metadata))
	assert.False(t, r.At.IsZero())

	for _, err := range log.ReadStream(t.Context(), "secret-1", 900) {
		t.Error("nothing is there", err)
	}
	for _, err := range log.ReadStream(t.Context(), "secret-2", 0) {
		assert.ErrorIs(t, err, eventstore.ErrStreamNotFound)
	}
	for _, err := range log.ReadStream(t.Context(), "secret-1", 0) {
		assert.NoError(t, err)
		break // ends the read
	}
}

func TestReadAll(t *testing.T) {
	log := storetest.Open(t)
	head, err := log.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, eventstore.Start, head, "system events do not count")
	assert.Empty(t, all(t, log, eventstore.Start, 0, eventstore.Filter{}))

	secrets, tickets := proposed(1500), proposed(1500)
	for i := range secrets {
		_, err := log.Append(t.Context(), "secret-1", eventstore.AnyRevision(), secrets[i:i+1])
		require.NoError(t, err)
		_, err = log.Append(t.Context(), "ticket-1", eventstore.AnyRevision(), tickets[i:i+1])
		require.NoError(t, err)
	}
	everything := all(t, log, eventstore.Start, 0, eventstore.Filter{})
	require.Len(t, everything, 3000)
	only := eventstore.Filter{StreamPrefixes: []string{"ticket-", "group-"}}
	assert.Equal(t, ids(tickets), ids(all(t, log, eventstore.Start, 0, only)))
	assert.Equal(t, ids(tickets[:700]), ids(all(t, log, eventstore.Start, 700, only)))
	assert.Equal(t, everything[10:25], all(t, log, everything[9].Position, 15, eventstore.Filter{}), "after is exclusive")
	assert.Empty(t, all(t, log, everything[2999].Position, 0, eventstore.Filter{}))
	assert.Empty(t, all(t, log, eventstore.End, 0, eventstore.Filter{}))

	head, err = log.Head(t.Context())
	require.NoError(t, err)
	assert.Equal(t, everything[2999].Position, head)
	at, found, err := log.At(t.Context(), everything[7].Position)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, everything[7], at)
	_, found, err = log.At(t.Context(), head+1)
	require.NoError(t, err)
	assert.False(t, found)
	require.NoError(t, log.Ready(t.Context()))
}

func TestScan(t *testing.T) {
	log := storetest.Open(t)
	scan := func(after eventstore.Position, most int, prefixes ...string) (eventstore.Position, []uuid.UUID) {
		var found []uuid.UUID
		considered, err := log.Scan(t.Context(), after, eventstore.Filter{StreamPrefixes: prefixes}, func(r eventstore.Record) bool {
			found = append(found, r.ID)
			return len(found) != most
		})
		require.NoError(t, err)
		return considered, found
	}
	_, found := scan(eventstore.Start, 0)
	require.Empty(t, found, "system events do not count")

	secrets, tickets := proposed(3000), proposed(3000)
	for i := 0; i < 3000; i += 100 {
		_, err := log.Append(t.Context(), "secret-1", eventstore.AnyRevision(), secrets[i:i+100])
		require.NoError(t, err)
		_, err = log.Append(t.Context(), "ticket-1", eventstore.AnyRevision(), tickets[i:i+100])
		require.NoError(t, err)
	}
	everything := all(t, log, eventstore.Start, 0, eventstore.Filter{})
	head := everything[len(everything)-1].Position
	considered, found := scan(eventstore.Start, 0)
	require.Equal(t, head, considered)
	require.Equal(t, ids(everything), found)
	considered, found = scan(eventstore.Start, 0, "secret-", "group-")
	require.GreaterOrEqual(t, considered, head, "beyond its last match")
	require.Equal(t, ids(secrets), found)
	considered, found = scan(eventstore.Start, 150, "secret-")
	require.Equal(t, everything[249].Position, considered)
	require.Equal(t, ids(secrets[:150]), found)
	_, found = scan(considered, 0, "secret-")
	require.Equal(t, ids(secrets[150:]), found, "after is exclusive")
	considered, found = scan(eventstore.Start, 0, "group-")
	require.GreaterOrEqual(t, considered, head)
	require.Empty(t, found)
	considered, found = scan(head, 0)
	require.GreaterOrEqual(t, considered, head)
	require.Empty(t, found)
}

var errEnough = errors.New("enough")

func TestSubscribe(t *testing.T) {
	log, events := storetest.Open(t), proposed(40)
	_, err := log.Append(t.Context(), "secret-1", eventstore.NoStream(), events[:20])
	require.NoError(t, err)
	_, err = log.Append(t.Context(), "ticket-1", eventstore.NoStream(), proposed(5))
	require.NoError(t, err)
	go func() {
		_, _ = log.Append(context.WithoutCancel(t.Context()), "secret-1", eventstore.Exact(19), events[20:])
	}()

	var records []eventstore.Record
	err = log.Subscribe(t.Context(), eventstore.Start, eventstore.Filter{StreamPrefixes: []string{"secret-"}},
		func(r eventstore.Record) error {
			if records = append(records, r); len(records) == 40 {
				return errEnough
			}
			return nil
		}, nil)
	assert.ErrorIs(t, err, errEnough)
	assert.Equal(t, ids(events), ids(records))

	ctx, cancel := context.WithCancel(t.Context())
	err = log.Subscribe(ctx, records[37].Position, eventstore.Filter{}, func(r eventstore.Record) error {
		assert.Greater(t, r.Position, records[37].Position, "after is exclusive")
		if r.Position == records[39].Position {
			cancel()
		}
		return nil
	}, nil)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestSubscribeReportsWhatItConsidered(t *testing.T) {
	log := storetest.Open(t)
	for range 3 {
		_, err := log.Append(t.Context(), "ticket-1", eventstore.AnyRevision(), proposed(1000))
		require.NoError(t, err)
	}
	head, err := log.Head(t.Context())
	require.NoError(t, err)
	err = log.Subscribe(t.Context(), eventstore.Start, eventstore.Filter{StreamPrefixes: []string{"secret-"}},
		func(eventstore.Record) error { return errors.New("nothing matches") },
		func(p eventstore.Position) error {
			if p >= head {
				return errEnough
			}
			return nil
		})
	assert.ErrorIs(t, err, errEnough)
}
