package eventstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type happened struct {
	N int `json:"n"`
}

func (happened) EventType() string { return "thing.happened.v1" }

// plain decodes the events of these tests, and nothing else.
type plain struct{}

func (plain) Decode(_ context.Context, records []eventstore.Record) ([]domain.Recorded, error) {
	events := make([]domain.Recorded, len(records))
	for i, r := range records {
		var e happened
		if err := json.Unmarshal(r.Data, &e); err != nil {
			return nil, err
		}
		events[i] = domain.Recorded{ID: r.ID, Stream: r.Stream, Revision: r.Revision, Position: uint64(r.Position), At: r.At, Event: e}
	}
	return events, nil
}

func write(t testing.TB, log eventstore.Log, stream string, from, to int) {
	t.Helper()
	for from < to {
		var events []eventstore.Proposed
		for ; from < to && len(events) < 1000; from++ {
			events = append(events, eventstore.Proposed{ID: uuid.New(), Type: "thing.happened.v1", Data: fmt.Appendf(nil, `{"n":%d}`, from)})
		}
		_, err := log.Append(context.WithoutCancel(t.Context()), stream, eventstore.AnyRevision(), events)
		require.NoError(t, err)
	}
}

// run starts a feed that ends with the test.
func run(t testing.TB, log eventstore.Log, window int) *eventstore.Feed {
	feed := eventstore.NewFeed(eventstore.FeedConfig{Log: log, Decoder: plain{}, Window: window, Logger: quiet()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
	return feed
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// next reads until count events came, and checks that batches join.
func next(t testing.TB, r *eventstore.Reader, count, max int) []int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var numbers []int
	last := r.Position()
	for len(numbers) < count {
		b, err := r.Next(ctx, max, 0)
		require.NoError(t, err)
		require.Equal(t, last, b.From)
		require.Greater(t, b.To, b.From)
		require.LessOrEqual(t, len(b.Events), max)
		last = b.To
		for _, e := range b.Events {
			numbers = append(numbers, e.Event.(happened).N)
		}
	}
	return numbers
}

func numbers(from, to int) []int {
	var out []int
	for ; from < to; from++ {
		out = append(out, from)
	}
	return out
}

func TestAReaderCatchesUpAndFollows(t *testing.T) {
	log := storetest.Open(t)
	write(t, log, "secret-1", 0, 17000) // more than two pages
	feed := run(t, log, 100)
	r := feed.Reader(eventstore.Start, eventstore.Filter{})
	assert.Equal(t, numbers(0, 17000), next(t, r, 17000, 700))
	assert.True(t, r.CaughtUp())

	write(t, log, "secret-1", 17000, 17050)
	assert.Equal(t, numbers(17000, 17050), next(t, r, 50, 20))

	write(t, log, "secret-1", 17050, 20000) // past the window
	assert.Equal(t, numbers(17050, 20000), next(t, r, 2950, 64))
	head, err := log.Head(t.Context())
	require.NoError(t, err)
	assert.Equal(t, head, r.Position()) // that of the feed may be behind, if the log was read faster
}

func TestReadersAtTheirOwnPaceMissNothing(t *testing.T) {
	log := storetest.Open(t)
	feed := run(t, log, 64)
	const total = 6000
	var readers sync.WaitGroup
	for _, max := range []int{1, 7, 500} {
		r := feed.Reader(eventstore.Start, eventstore.Filter{StreamPrefixes: []string{"secret-"}})
		readers.Go(func() { assert.Equal(t, numbers(0, total), next(t, r, total, max)) })
	}
	for n := 0; n < total; n += 60 {
		write(t, log, "secret-1", n, n+60)
		write(t, log, "ticket-1", n, n+5)
	}
	readers.Wait()
}

// lateLog lets a scan from the start go on, with what came meanwhile, only when it is told to.
type lateLog struct {
	eventstore.Log
	let chan struct{}
}

func (l *lateLog) Scan(ctx context.Context, after eventstore.Position, filter eventstore.Filter, take func(eventstore.Record) bool) (eventstore.Position, error) {
	considered, err := l.Log.Scan(ctx, after, filter, take)
	if after != eventstore.Start || err != nil {
		return considered, err
	}
	<-l.let
	return l.Log.Scan(context.WithoutCancel(ctx), considered, filter, take)
}

func TestAPageFetchedAheadIsNotRepeatedAfterTheWindow(t *testing.T) {
	log := &lateLog{Log: storetest.Open(t), let: make(chan struct{})}
	write(t, log, "secret-1", 0, 8192)
	feed := run(t, log, 50)
	r := feed.Reader(eventstore.Start, eventstore.Filter{})
	assert.Equal(t, numbers(0, 8192), next(t, r, 8192, 8192)) // a full page: the next one is held back
	write(t, log, "secret-1", 8192, 8202)
	assert.Equal(t, numbers(8192, 8202), next(t, r, 10, 10), "from the window")
	write(t, log, "secret-1", 8202, 8396)
	close(log.let)
	assert.Equal(t, numbers(8202, 8396), next(t, r, 194, 500), "from the log again")
}

func TestABatchSaysHowFarItReachesWithoutAMatch(t *testing.T) {
	log := storetest.Open(t)
	write(t, log, "ticket-1", 0, 30)
	feed := run(t, log, 10)
	r := feed.Reader(eventstore.Start, eventstore.Filter{StreamPrefixes: []string{"secret-"}})
	for range 2 { // once from the log, once from the window
		b, err := r.Next(t.Context(), 10, 0)
		require.NoError(t, err)
		assert.Empty(t, b.Events)
		head, err := log.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, head, b.To)
		assert.NoError(t, eventstore.Guard(t.Context(), log, b.To, b.LastID), "LastID belongs to To")
		write(t, log, "ticket-1", 30, 31)
	}
}

func TestNextLingersToFillABatch(t *testing.T) {
	log := storetest.Open(t)
	feed := run(t, log, 0)
	r := feed.Reader(eventstore.Start, eventstore.Filter{})
	write(t, log, "secret-1", 0, 1)
	next(t, r, 1, 1) // from here on it follows the window: pages of the log are not waited for
	go func() {
		for n := range 30 {
			write(t, log, "secret-1", n, n+1)
		}
	}()
	b, err := r.Next(t.Context(), 30, time.Minute)
	require.NoError(t, err)
	assert.Len(t, b.Events, 30)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = r.Next(ctx, 30, time.Minute)
	assert.ErrorIs(t, err, context.DeadlineExceeded, "nothing came")
}

func TestReadersWaitWhileTheLogIsAway(t *testing.T) {
	server := storetest.Start(t)
	log := server.Log(t)
	write(t, log, "secret-1", 0, 200)
	server.Stop(t)
	feed := run(t, log, 50) // starts without a log
	behind := feed.Reader(eventstore.Start, eventstore.Filter{})
	read := make(chan []int)
	go func() { read <- next(t, behind, 400, 90) }()
	server.Restart(t)
	write(t, log, "secret-1", 200, 300)
	server.Stop(t)
	server.Restart(t)
	write(t, log, "secret-1", 300, 400)
	assert.Equal(t, numbers(0, 400), <-read)
}

func TestTheFeedEndsLoudlyAtAnUndecodableEvent(t *testing.T) {
	log := storetest.Open(t)
	feed := eventstore.NewFeed(eventstore.FeedConfig{Log: log, Decoder: plain{}, Patience: time.Nanosecond, Logger: quiet()})
	ended := make(chan error)
	go func() { ended <- feed.Run(t.Context()) }()
	reader := feed.Reader(eventstore.Start, eventstore.Filter{})
	write(t, log, "secret-1", 0, 1)
	next(t, reader, 1, 1)
	_, err := log.Append(t.Context(), "secret-1", eventstore.AnyRevision(),
		[]eventstore.Proposed{{ID: uuid.New(), Type: "thing.happened.v1", Data: []byte(`{"n":"private"}`)}})
	require.NoError(t, err)
	err = <-ended
	require.ErrorContains(t, err, "decoding live events")
	var cause *json.UnmarshalTypeError
	assert.ErrorAs(t, err, &cause)
}

func TestGuard(t *testing.T) {
	log := storetest.Open(t)
	assert.NoError(t, eventstore.Guard(t.Context(), log, eventstore.Start, uuid.Nil))
	err := eventstore.Guard(t.Context(), log, 4711, uuid.New())
	require.ErrorIs(t, err, eventstore.ErrForeignLog)
	assert.ErrorContains(t, err, "rebuild")

	write(t, log, "secret-1", 0, 3)
	head, err := log.Head(t.Context())
	require.NoError(t, err)
	last, _, err := log.At(t.Context(), head)
	require.NoError(t, err)
	assert.NoError(t, eventstore.Guard(t.Context(), log, head, last.ID))
	assert.ErrorIs(t, eventstore.Guard(t.Context(), log, head, uuid.New()), eventstore.ErrForeignLog)
	assert.ErrorIs(t, eventstore.Guard(t.Context(), log, head+1000, last.ID), eventstore.ErrForeignLog)
}

func TestGuardDoesNotBlameTheLogForBeingAway(t *testing.T) {
	server := storetest.Start(t)
	log := server.Log(t)
	server.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := eventstore.Guard(ctx, log, 4711, uuid.New())
	assert.ErrorIs(t, err, eventstore.ErrUnavailable)
	assert.False(t, errors.Is(err, eventstore.ErrForeignLog))
}
