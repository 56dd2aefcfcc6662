package reveal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
)

const (
	appendTimeout = 3 * time.Second
	maxTogether   = 256       // events in one append
	maxBytes      = 512 << 10 // of one append, half of what the log takes
	maxWaiting    = 8192      // events that wait for the append in flight, per stream
)

var errOverloaded = domain.Refuse(domain.Unavailable, "overloaded", "too many reveals are waiting; retrying is safe")

// journal appends events that do not depend on each other: those that arrive while an append to their stream is in
// flight share the next one, so that one round trip and one fsync carry many. Every caller still learns of its own event.
type journal struct {
	log     eventstore.Log
	mu      sync.Mutex
	streams map[string]*queue
	running sync.WaitGroup
	closed  bool
}

type queue struct {
	waiting []entry
	busy    bool
}

type entry struct {
	event  eventstore.Proposed
	answer func(error) // does not wait for anything
}

func newJournal(log eventstore.Log) *journal {
	return &journal{log: log, streams: map[string]*queue{}}
}

// submit queues an event. answer is called once, maybe before submit returns: with nil once the event is durable. It must not
// wait, since others wait for it. An error leaves the outcome unknown.
func (j *journal) submit(stream string, event eventstore.Proposed, answer func(error)) {
	if !j.enqueue(stream, entry{event, answer}) {
		answer(errOverloaded)
	}
}

func (j *journal) enqueue(stream string, e entry) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	q := j.streams[stream]
	if j.closed || q != nil && len(q.waiting) >= maxWaiting {
		return false
	}
	if q == nil {
		q = &queue{}
		j.streams[stream] = q
	}
	q.waiting = append(q.waiting, e)
	if !q.busy {
		q.busy = true
		j.running.Go(func() { j.drain(stream, q) })
	}
	return true
}

// append queues an event and waits for it, by the deadline of ctx.
func (j *journal) append(ctx context.Context, stream string, event eventstore.Proposed) error {
	done := make(chan error, 1)
	j.submit(stream, event, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the log: %w", ctx.Err())
	}
}

// close refuses new events and waits until those queued are through.
func (j *journal) close() {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.running.Wait()
}

func (j *journal) drain(stream string, q *queue) {
	for {
		batch := j.take(stream, q)
		if batch == nil {
			return
		}
		events := make([]eventstore.Proposed, len(batch))
		for i, e := range batch {
			events[i] = e.event
		}
		err := j.write(stream, events)
		for _, e := range batch {
			e.answer(err)
		}
	}
}

func (j *journal) write(stream string, events []eventstore.Proposed) error {
	ctx, cancel := context.WithTimeout(context.Background(), appendTimeout)
	defer cancel()
	if _, err := j.log.Append(ctx, stream, eventstore.AnyRevision(), events); err != nil {
		return fmt.Errorf("appending to %s: %w", domain.StreamKind(stream), err)
	}
	return nil
}

// take returns the next entries to append together, nil when there are none, and the stream is no longer busy then.
func (j *journal) take(stream string, q *queue) []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, bytes := 0, 0
	for n < len(q.waiting) && n < maxTogether {
		bytes += len(q.waiting[n].event.Data) + len(q.waiting[n].event.Metadata) + 2*len(q.waiting[n].event.Type)
		if n > 0 && bytes > maxBytes {
			break
		}
		n++
	}
	if n == 0 {
		q.busy = false
		delete(j.streams, stream)
		return nil
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}
