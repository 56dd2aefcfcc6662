package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sort"
	"sync/atomic"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

const (
	streamLength  = 20
	fillers       = 64
	streamReaders = 16
	connections   = 4
	sharing       = 64 // routines on a connection: a server takes a hundred calls at a time on each
)

// logServer is a running eventstored with clients of it.
type logServer struct {
	*child
	url     string
	clients []*esdb.Client
}

func (l *logServer) connect() error {
	for range connections {
		settings, err := esdb.ParseConnectionString(l.url)
		if err != nil {
			return errors.New("eventstored printed no connection string")
		}
		settings.Logger = esdb.NoopLogging()
		c, err := esdb.NewClient(settings)
		if err != nil {
			return fmt.Errorf("connecting to eventstored: %w", err)
		}
		l.clients = append(l.clients, c)
	}
	return nil
}

// client is that of one of some routines.
func (l *logServer) client(i int) *esdb.Client { return l.clients[i/sharing%len(l.clients)] }

// data and metadata are as large as that of a typical event of the product.
var data, metadata = payload(300), payload(250)

func payload(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = '1' // a number, so that it is JSON
	}
	return b
}

func newEvents(n int) []esdb.EventData {
	events := make([]esdb.EventData, n)
	for i := range events {
		events[i] = esdb.EventData{EventID: uuid.New(), EventType: "bench.happened.v1", ContentType: esdb.ContentTypeJson, Data: data, Metadata: metadata}
	}
	return events
}

func streamName(i int) string { return fmt.Sprintf("bench-%d", i) }

// filled returns how many of a number of events are there. A run that was interrupted may have left gaps just before.
func (l *logServer) filled(ctx context.Context, want int) (int, error) {
	var failure error
	streams := sort.Search(want/streamLength, func(i int) bool {
		_, err := receive(l.client(0).ReadStream(ctx, streamName(i), esdb.ReadStreamOptions{From: esdb.Start{}}, 1))(func(*esdb.RecordedEvent) {})
		missing := codeOf(err) == esdb.ErrorCodeResourceNotFound
		if err != nil && !missing {
			failure = err
		}
		return err != nil
	})
	if streams < want/streamLength {
		streams = max(0, streams-fillers)
	}
	return streams * streamLength, failure
}

// codeOf is the client's classification of an error; 0 of one that is not the client's.
func codeOf(err error) (code esdb.ErrorCode) {
	var failure *esdb.Error
	if errors.As(err, &failure) {
		code = failure.Code()
	}
	return code
}

// fill adds streams of twenty, unless they are there, until there are as many events as wanted.
func (l *logServer) fill(ctx context.Context, have, want int) error {
	next, end := int64(have/streamLength)-1, int64(want/streamLength)
	group, ctx := errgroup.WithContext(ctx)
	for i := range fillers {
		group.Go(func() error {
			for {
				stream := atomic.AddInt64(&next, 1)
				if stream >= end {
					return nil
				}
				_, err := l.client(i).AppendToStream(ctx, streamName(int(stream)),
					esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, newEvents(streamLength)...)
				if err != nil && codeOf(err) != esdb.ErrorCodeWrongExpectedVersion {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// each runs do in several goroutines until the time is over, and returns how much was done, in a second and in all.
func each(ctx context.Context, duration time.Duration, routines int, do func(ctx context.Context, routine int) (done int, err error)) (float64, int64, error) {
	begun, count := time.Now(), atomic.Int64{}
	group, ctx := errgroup.WithContext(ctx)
	for i := range routines {
		group.Go(func() error {
			for time.Since(begun) < duration {
				n, err := do(ctx, i)
				if err != nil {
					return err
				}
				count.Add(int64(n))
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(count.Load()) / time.Since(begun).Seconds(), count.Load(), err
}

// append measures appends, each writer to a stream of its own.
func (l *logServer) append(ctx context.Context, duration time.Duration, writers, events int) (float64, int64, error) {
	run := uuid.NewString()
	return each(ctx, duration, writers, func(ctx context.Context, i int) (int, error) {
		_, err := l.client(i).AppendToStream(ctx, fmt.Sprintf("appended-%s-%d", run, i),
			esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, newEvents(events)...)
		return 1, err
	})
}

// readAll measures one reader that reads the log forwards, from its start, again and again.
func (l *logServer) readAll(ctx context.Context, duration time.Duration) (float64, int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var from esdb.AllPosition = esdb.Start{}
	return each(ctx, duration, 1, func(ctx context.Context, _ int) (int, error) {
		const page = 50_000
		n, err := receive(l.clients[0].ReadAll(ctx, esdb.ReadAllOptions{From: from}, page))(func(e *esdb.RecordedEvent) { from = e.Position })
		if n < page {
			from = esdb.Start{}
		}
		return n, err
	})
}

// readStreams measures reads of whole streams, chosen at random.
func (l *logServer) readStreams(ctx context.Context, duration time.Duration, streams int) (float64, int64, error) {
	return each(ctx, duration, streamReaders, func(ctx context.Context, i int) (int, error) {
		name := streamName(rand.IntN(streams))
		n, err := receive(l.client(i).ReadStream(ctx, name, esdb.ReadStreamOptions{From: esdb.Start{}}, math.MaxInt64))(func(*esdb.RecordedEvent) {})
		if err == nil && n != streamLength {
			err = fmt.Errorf("stream %s has %d events", name, n)
		}
		return 1, err
	})
}

// receive returns a function that passes all events of a read on and counts them.
func receive(stream *esdb.ReadStream, err error) func(take func(*esdb.RecordedEvent)) (int, error) {
	return func(take func(*esdb.RecordedEvent)) (n int, _ error) {
		if err != nil {
			return 0, err
		}
		defer stream.Close()
		for ; ; n++ {
			e, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return n, nil
			}
			if err != nil {
				return n, err
			}
			take(e.OriginalEvent())
		}
	}
}
