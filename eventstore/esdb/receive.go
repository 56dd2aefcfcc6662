package esdb

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/kdesk/client-secrets/eventstore"
)

// chunkSize is how many events the receiving goroutine hands over at once, and twice that is how far it runs ahead.
const chunkSize = 256

// source is a read or a subscription of the client. Recv returns io.EOF at its end.
type source interface {
	Recv() (*esdb.ResolvedEvent, error)
	Close()
}

// open starts a read with the client.
type open func(ctx context.Context, c *client) (source, error)

// chunk is what was received; its last one has the reason for the end, io.EOF if all went well.
type chunk struct {
	records []eventstore.Record
	err     error
}

// read passes the events of a read to take until that returns false, which it reports. While the log is unavailable it
// makes the request anew, for what then comes next, until ctx ends. If ctx has no deadline it gives up once nothing has
// come for the idle timeout; the time that take needs does not count.
func (l *Log) read(ctx context.Context, request func() open, take func(*eventstore.Record) bool) (stopped bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	idle := newIdle(ctx, l.config.IdleTimeout, cancel)
	defer idle.stop()
	for attempt := 0; ; attempt++ {
		begun := time.Now()
		chunks := make(chan chunk, 1)
		go l.receive(ctx, request(), idle, chunks)
		for err == nil {
			var c chunk
			select {
			case c = <-chunks:
			case <-ctx.Done():
				c.err = ctx.Err()
			}
			for i := range c.records {
				attempt = 0
				if !take(&c.records[i]) {
					return true, nil
				}
			}
			err = c.err
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err = translate(ctx, err); !passing(err) {
			return false, err
		}
		if attempt == 0 {
			begun = time.Now()
		}
		idle.since(begun)
		if !pause(ctx, attempt) {
			return false, err
		}
		err = nil
	}
}

// receive runs one read to its end and sends what it got.
func (l *Log) receive(ctx context.Context, start open, idle *idle, chunks chan<- chunk) {
	send := func(c chunk) bool {
		idle.stop()
		select {
		case chunks <- c:
			return true
		case <-ctx.Done():
			return false
		}
	}
	c, err := l.reads.acquire(ctx)
	if err != nil {
		send(chunk{err: err})
		return
	}
	defer func() { c.ended(err) }()
	var stream source
	err = c.start(ctx, func(ctx context.Context) (err error) {
		stream, err = start(ctx, c)
		return err
	})
	if err != nil {
		send(chunk{err: err})
		return
	}
	defer stream.Close()
	records := make([]eventstore.Record, 0, 16)
	for {
		records, err = fill(stream, idle, records)
		if !send(chunk{records, err}) || err != nil {
			return
		}
		idle.reset()
		records = make([]eventstore.Record, 0, chunkSize)
	}
}

// fill receives events until the chunk is full or the read ends.
func fill(stream source, idle *idle, records []eventstore.Record) ([]eventstore.Record, error) {
	err := guarded(func() error {
		for len(records) < cap(records) {
			resolved, err := stream.Recv()
			if err != nil {
				return err
			}
			idle.reset()
			if event := resolved.OriginalEvent(); event != nil {
				records = append(records, record(event))
			}
		}
		return nil
	})
	return records, err
}

func record(e *esdb.RecordedEvent) eventstore.Record {
	return eventstore.Record{
		ID: e.EventID, Stream: e.StreamID, Revision: e.EventNumber, Type: e.EventType, Data: e.Data, Metadata: e.UserMetadata,
		Binary: e.ContentType != "application/json", At: e.CreatedDate, Position: eventstore.Position(e.Position.Commit),
	}
}

// idle ends a read that waits too long for its next event. It does nothing for a read that has a deadline.
type idle struct {
	timer *time.Timer
	limit time.Duration
}

func newIdle(ctx context.Context, limit time.Duration, end func()) *idle {
	if _, ok := ctx.Deadline(); ok {
		return &idle{}
	}
	return &idle{time.AfterFunc(limit, end), limit}
}

func (i *idle) reset() {
	if i.timer != nil {
		i.timer.Reset(i.limit)
	}
}

func (i *idle) since(t time.Time) {
	if i.timer != nil {
		i.timer.Reset(i.limit - time.Since(t))
	}
}

func (i *idle) stop() {
	if i.timer != nil {
		i.timer.Stop()
	}
}
