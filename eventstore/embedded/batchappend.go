package embedded

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"golang.org/x/sync/semaphore"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

const (
	writeTimeout   = 2 * time.Second // the most that an append of a batch call may ask for, as the servers allow
	maxOpen        = 1024            // appends of one call that are not complete yet
	collectBytes   = 16 << 20        // their memory together
	underWay       = 8 << 20         // memory of the complete ones that are not answered yet
	appendOverhead = 512             // counted for each append besides its events
	eventOverhead  = 100             // counted for each event besides its bytes
)

// batchCall is one BatchAppend call: many appends, each in one or more messages that carry its correlation id,
// each answered by itself when it is done. Appends are written in the order in which they became complete.
type batchCall struct {
	*streamsService
	call     api.Streams_BatchAppendServer
	underWay *semaphore.Weighted
	waiting  sync.WaitGroup // appends that are not answered yet

	mu         sync.Mutex
	collecting map[string]*collecting
	held       int // memory of what is collected
	open       int // appends begun and neither complete nor answered

	send  sync.Mutex
	ended bool // nothing may be sent any more
}

// collecting is an append of which more messages are to come.
type collecting struct {
	id       *shared.UUID
	stream   string
	expected storage.Expected
	events   []storage.Event
	size     int // what counts towards MaxAppendSize
	held     int // memory, roughly
	deadline time.Time
	timer    *time.Timer
}

// BatchAppend serves the many appends of one call.
func (s *streamsService) BatchAppend(call api.Streams_BatchAppendServer) error {
	b := &batchCall{streamsService: s, call: call, underWay: semaphore.NewWeighted(underWay),
		collecting: map[string]*collecting{}}
	received := make(chan error, 1)
	go func() { received <- b.receive() }() // returns when the call ends, at the latest
	var err error
	select {
	case err = <-received:
	case <-s.stopping:
		err = grpcstatus.Error(codes.Unavailable, "the event store is shutting down")
	case <-s.store.Done():
		err = s.store.Err()
	}
	if err == nil {
		b.waiting.Wait()
	}
	b.end()
	return toStatus(err, call.SetTrailer)
}

// end stops timers and answers; what is under way is still written.
func (b *batchCall) end() {
	b.mu.Lock()
	for _, c := range b.collecting {
		c.timer.Stop()
	}
	clear(b.collecting)
	b.mu.Unlock()
	b.send.Lock()
	b.ended = true
	b.send.Unlock()
}

func (b *batchCall) receive() error {
	for {
		req, err := b.call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := b.take(req); err != nil {
			return err
		}
	}
}

// take adds a message to its append and hands the append on when it is complete. A message of an append that
// was refused before, or never began, is ignored.
func (b *batchCall) take(req *api.BatchAppendReq) error {
	if options := req.GetOptions(); options != nil {
		if refused := b.begin(req.GetCorrelationId(), options); refused != nil {
			return b.answer(req.GetCorrelationId(), options.GetStreamIdentifier(), refused)
		}
	}
	c, refused := b.add(req)
	if c == nil {
		return nil
	}
	if refused != nil {
		return b.answer(c.id, identifier(c.stream), refused)
	}
	return b.write(c)
}

// begin opens an append, unless one with this correlation id is open already.
func (b *batchCall) begin(id *shared.UUID, o *api.BatchAppendReq_Options) *status.Status {
	key, err := correlation(id)
	if err != nil {
		return badRequest(err)
	}
	stream, err := streamName(o.GetStreamIdentifier())
	if err != nil {
		return badRequest(err)
	}
	if err := b.authorize(b.call.Context(), stream, toWrite); err != nil {
		return errorStatus(err, stream)
	}
	expected, err := parsePosition(o)
	if err != nil {
		return badRequest(err)
	}
	timeout := requestedTimeout(o)
	if timeout <= 0 {
		return timedOut()
	}
	c := &collecting{id: id, stream: stream, expected: expected, deadline: time.Now().Add(timeout)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.collecting[key] != nil {
		return nil
	}
	if b.open == maxOpen {
		return badRequest(invalid("too many incomplete appends in one call"))
	}
	c.timer = time.AfterFunc(timeout, func() { b.expire(key, c) })
	b.collecting[key] = c
	b.open++
	return nil
}

// expire answers an append that was not completed in time.
func (b *batchCall) expire(key string, c *collecting) {
	b.mu.Lock()
	mine := b.collecting[key] == c
	if mine {
		b.drop(key, c)
		c.events = nil
	}
	b.mu.Unlock()
	if !mine {
		return
	}
	_ = b.answer(c.id, identifier(c.stream), timedOut()) // fails only if the caller has left
	b.mu.Lock()
	b.open--
	b.mu.Unlock()
}

// add takes a message's events in. It returns the append when that is complete or refused.
func (b *batchCall) add(req *api.BatchAppendReq) (*collecting, *status.Status) {
	key, err := correlation(req.GetCorrelationId())
	if err != nil {
		return nil, nil // refused when it began
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.collecting[key]
	if c == nil {
		return nil, nil
	}
	refused := b.collect(c, req.GetProposedMessages())
	if refused == nil && !req.GetIsFinal() {
		return nil, nil
	}
	b.drop(key, c)
	b.open--
	return c, refused
}

func (b *batchCall) collect(c *collecting, messages []*api.BatchAppendReq_ProposedMessage) *status.Status {
	for _, m := range messages {
		event, err := newEvent(m.GetId(), m.GetMetadata(), m.GetData(), m.GetCustomMetadata())
		if err != nil {
			return badRequest(err)
		}
		size := eventSize(event)
		if c.size+size > MaxAppendSize || len(c.events) == maxAppendEvents {
			return appendTooLarge()
		}
		if b.held+size+eventOverhead > collectBytes {
			return badRequest(invalid("too much in the incomplete appends of one call"))
		}
		c.events = append(c.events, event)
		c.size += size
		c.held += size + eventOverhead
		b.held += size + eventOverhead
	}
	return nil
}

// drop forgets an append that is complete, refused or late. The caller holds the lock.
func (b *batchCall) drop(key string, c *collecting) {
	c.timer.Stop()
	delete(b.collecting, key)
	b.held -= c.held
}

// write queues a complete append and answers it when it is durable or refused, while the next are received.
func (b *batchCall) write(c *collecting) error {
	weight := int64(c.held + appendOverhead)
	if err := b.underWay.Acquire(b.call.Context(), weight); err != nil {
		return err
	}
	pending, err := b.store.Begin(b.call.Context(), c.stream, c.expected, c.events)
	if err != nil {
		b.underWay.Release(weight)
		return err
	}
	b.waiting.Add(1)
	go func() {
		defer b.waiting.Done()
		defer b.underWay.Release(weight)
		ctx, cancel := context.WithDeadline(b.call.Context(), c.deadline)
		defer cancel()
		result, err := pending.Wait(ctx)
		if err != nil {
			_ = b.answer(c.id, identifier(c.stream), errorStatus(err, c.stream)) // fails only if the caller has left
			return
		}
		_ = b.respond(batchSuccess(c, result))
	}()
	return nil
}

func (b *batchCall) answer(id *shared.UUID, stream *shared.StreamIdentifier, refused *status.Status) error {
	return b.respond(&api.BatchAppendResp{CorrelationId: id, StreamIdentifier: stream,
		Result: &api.BatchAppendResp_Error{Error: refused}})
}

func (b *batchCall) respond(r *api.BatchAppendResp) error {
	b.send.Lock()
	defer b.send.Unlock()
	if b.ended {
		return context.Canceled
	}
	return b.call.Send(r)
}

// requestedTimeout is the time an append may take, from now; older clients send a point in time.
func requestedTimeout(o *api.BatchAppendReq_Options) time.Duration {
	switch {
	case o.GetDeadline() != nil:
		return min(o.GetDeadline().AsDuration(), writeTimeout)
	case o.GetDeadline_21_10_0() != nil:
		return min(time.Until(o.GetDeadline_21_10_0().AsTime()), writeTimeout)
	}
	return writeTimeout
}

func parsePosition(o *api.BatchAppendReq_Options) (storage.Expected, error) {
	switch expected := o.GetExpectedStreamPosition().(type) {
	case *api.BatchAppendReq_Options_NoStream:
		return storage.ExpectNoStream, nil
	case *api.BatchAppendReq_Options_Any:
		return storage.ExpectAny, nil
	case *api.BatchAppendReq_Options_StreamExists:
		return storage.ExpectExists, nil
	case *api.BatchAppendReq_Options_StreamPosition:
		if expected.StreamPosition < math.MaxInt64 {
			return storage.Expected(expected.StreamPosition), nil
		}
	}
	return 0, invalid("the expected position is missing or out of range")
}

func correlation(id *shared.UUID) (string, error) {
	parsed, err := parseID(id)
	if err != nil {
		return "", invalid("an append needs a correlation id")
	}
	return string(parsed[:]), nil
}

func identifier(stream string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(stream)}
}
