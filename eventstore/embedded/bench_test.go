//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func benchServer(b *testing.B) *esdb.Client {
	b.Helper()
	cfg := testConfig(b.TempDir())
	cfg.CacheBytes = 256 << 20
	return connect(b, startServer(b, cfg).ConnectionString())
}

// cpuTime is the processor time this process has used: unlike wall time it says something on a busy machine.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchEvent(payload []byte) esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: "bench.event.v1", ContentType: esdb.ContentTypeJson,
		Data: payload, Metadata: payload[:64]}
}

// BenchmarkAppend measures single-event appends, each durable when acknowledged, client and server in one process.
func BenchmarkAppend(b *testing.B) {
	payload := make([]byte, 256)
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			c := benchServer(b)
			appendTo(b, c, "warm", esdb.Any{}, benchEvent(payload))
			var left, stream atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			done := make(chan error, writers)
			for range writers {
				go func() {
					name := "bench-" + strconv.FormatInt(stream.Add(1), 10)
					for left.Add(-1) >= 0 {
						_, err := c.AppendToStream(context.Background(), name,
							esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, benchEvent(payload))
						if err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range writers {
				require.NoError(b, <-done)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
		})
	}
}

// BenchmarkAppendBatches measures appends of 100 events each.
func BenchmarkAppendBatches(b *testing.B) {
	payload := make([]byte, 256)
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			c := benchServer(b)
			appendTo(b, c, "warm", esdb.Any{}, benchEvent(payload))
			work := make(chan int)
			done := make(chan error, writers)
			b.ResetTimer()
			for range writers {
				go func() { done <- appendBatches(c, payload, work) }()
			}
			for i := range b.N {
				work <- i
			}
			close(work)
			for range writers {
				require.NoError(b, <-done)
			}
			b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func appendBatches(c *esdb.Client, payload []byte, work <-chan int) error {
	var failed error
	for i := range work {
		batch := make([]esdb.EventData, 100)
		for j := range batch {
			batch[j] = benchEvent(payload)
		}
		if _, err := c.AppendToStream(context.Background(), "bench-"+strconv.Itoa(i%100),
			esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, batch...); err != nil {
			failed = err
		}
	}
	return failed
}

// fill writes n events in appends of 200, spread over 100 streams.
func fill(b *testing.B, c *esdb.Client, n int) {
	b.Helper()
	payload := make([]byte, 256)
	for at := 0; at < n; at += 200 {
		batch := make([]esdb.EventData, 200)
		for i := range batch {
			batch[i] = benchEvent(payload)
		}
		appendTo(b, c, "bench-"+strconv.Itoa(at/200%100), esdb.Any{}, batch...)
	}
}

// BenchmarkReadAll measures events per second of one forward read of the whole log.
func BenchmarkReadAll(b *testing.B) {
	c := benchServer(b)
	fill(b, c, 200_000)
	b.ResetTimer()
	cpu := cpuTime(b)
	total := 0
	for total < b.N {
		r, err := c.ReadAll(context.Background(), esdb.ReadAllOptions{From: esdb.Start{}}, math.MaxUint64)
		require.NoError(b, err)
		for total < b.N {
			if _, err := r.Recv(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			total++
		}
		r.Close()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(b.N), "cpu-µs/event")
}

// BenchmarkFilteredCatchUp measures how fast a subscription passes over events its stream prefix excludes.
func BenchmarkFilteredCatchUp(b *testing.B) {
	const size = 200_000
	c := benchServer(b)
	fill(b, c, size)
	appendTo(b, c, "wanted-1", esdb.Any{}, benchEvent(make([]byte, 256)))
	b.ResetTimer()
	for range b.N {
		sub, err := c.SubscribeToAll(context.Background(), esdb.SubscribeToAllOptions{From: esdb.Start{},
			MaxSearchWindow: 1000, CheckpointInterval: 1, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"wanted-"}}})
		require.NoError(b, err)
		for sub.Recv().CaughtUp == nil {
		}
		require.NoError(b, sub.Close())
	}
	b.ReportMetric(float64(b.N)*size/b.Elapsed().Seconds(), "considered/s")
}
