package eventstore_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/storetest"
)

// free decodes at no cost, and notes when each event came from the subscription.
type free struct{ received sync.Map }

func (d *free) Decode(_ context.Context, records []eventstore.Record) ([]domain.Recorded, error) {
	events := make([]domain.Recorded, len(records))
	for i := range records {
		r := &records[i]
		if r.Type == "reveal.happened.v1" {
			d.received.Store(r.ID, time.Now())
		}
		events[i] = domain.Recorded{ID: r.ID, Stream: r.Stream, Revision: r.Revision, Position: uint64(r.Position), At: r.At}
	}
	return events, nil
}

// BenchmarkReveal appends from 32 goroutines, each of which waits until the reader has its event. It reports the whole
// way (p50-us, p99-us) and the part from decoding to the reader (wake-p50-us, wake-p99-us).
func BenchmarkReveal(b *testing.B) {
	log, decoder := storetest.Open(b), &free{}
	feed := eventstore.NewFeed(eventstore.FeedConfig{Log: log, Decoder: decoder, Logger: quiet()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	var waiters sync.Map
	var wakes []time.Duration
	reader := feed.Reader(eventstore.Start, eventstore.Filter{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			batch, err := reader.Next(ctx, 500, 0)
			if err != nil {
				return
			}
			now := time.Now()
			for _, e := range batch.Events {
				if at, ok := decoder.received.LoadAndDelete(e.ID); ok {
					wakes = append(wakes, now.Sub(at.(time.Time)))
				}
				if waiter, ok := waiters.LoadAndDelete(e.ID); ok {
					close(waiter.(chan struct{}))
				}
			}
		}
	}()

	var turn atomic.Int64
	var mu sync.Mutex
	var whole []time.Duration
	var writers sync.WaitGroup
	b.ResetTimer()
	for range 32 {
		writers.Go(func() {
			for turn.Add(1) <= int64(b.N) {
				begun, seen := time.Now(), make(chan struct{})
				event := eventstore.Proposed{ID: uuid.New(), Type: "reveal.happened.v1", Data: []byte(`{"field":"api_key","version":3}`)}
				waiters.Store(event.ID, seen)
				_, err := log.Append(ctx, "reveals-1", eventstore.AnyRevision(), []eventstore.Proposed{event})
				if err != nil {
					b.Error(err)
					return
				}
				<-seen
				mu.Lock()
				whole = append(whole, time.Since(begun))
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	b.StopTimer()
	cancel()
	<-read
	report(b, "", whole)
	report(b, "wake-", wakes)
}

func report(b *testing.B, name string, took []time.Duration) {
	slices.Sort(took)
	for percent, label := range map[int]string{50: "p50-us", 99: "p99-us"} {
		b.ReportMetric(float64(took[len(took)*percent/100].Nanoseconds())/1000, name+label)
	}
}

// BenchmarkCatchUp reads events of typical size from the log through a reader.
func BenchmarkCatchUp(b *testing.B) {
	log := filled(b, 100_000)
	feed := eventstore.NewFeed(eventstore.FeedConfig{Log: log, Decoder: &free{}, Logger: quiet()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		r := feed.Reader(eventstore.Start, eventstore.Filter{})
		for !r.CaughtUp() {
			batch, err := r.Next(ctx, 500, 0)
			require.NoError(b, err)
			events += len(batch.Events)
		}
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkReadAll reads events of typical size from the log.
func BenchmarkReadAll(b *testing.B) {
	log := filled(b, 100_000)
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		for _, err := range log.ReadAll(b.Context(), eventstore.Start, 0, eventstore.Filter{}) {
			require.NoError(b, err)
			events++
		}
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

func filled(b *testing.B, count int) eventstore.Log {
	log := storetest.Open(b)
	data, metadata := make([]byte, 300), make([]byte, 250)
	for i := range data {
		data[i] = '1'
	}
	for i := range metadata {
		metadata[i] = '1'
	}
	for range count / 1000 {
		events := make([]eventstore.Proposed, 1000)
		for i := range events {
			events[i] = eventstore.Proposed{ID: uuid.New(), Type: "thing.happened.v1", Data: data, Metadata: metadata}
		}
		_, err := log.Append(b.Context(), "secret-1", eventstore.AnyRevision(), events)
		require.NoError(b, err)
	}
	return log
}
