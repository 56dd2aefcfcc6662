package esdb

import (
	"context"
	"errors"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/eventstore"
)

// Append writes events atomically. With NoStream and Exact an attempt whose outcome is unknown is repeated with the
// same ids until ctx ends: the log recognises them. With AnyRevision the log's memory of ids is only a cache, so that
// ErrUnavailable is returned instead: the events may be there.
func (l *Log) Append(ctx context.Context, stream string, expected eventstore.Expected, events []eventstore.Proposed) (eventstore.Appended, error) {
	data, err := proposal(stream, expected, events)
	if err != nil {
		return eventstore.Appended{}, fmt.Errorf("appending to %s: %w", stream, err)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.config.AppendTimeout)
		defer cancel()
	}
	for attempt := 0; ; attempt++ {
		appended, err := l.attempt(ctx, stream, revision(expected), data)
		if err == nil {
			return appended, nil
		}
		started := !errors.Is(err, errRetired)
		err = translate(ctx, err)
		if !passing(err) || started && expected.IsAny() || !pause(ctx, attempt) {
			return eventstore.Appended{}, fmt.Errorf("appending to %s: %w", stream, err)
		}
	}
}

// attempt appends once. It returns when ctx ends; the call itself goes on until it is answered, the connection is lost,
// or the client's own limit of 10 s. If a call ended while the client still sends its events, the client would read the
// headers and trailers that gRPC sets at that moment in another goroutine: a data race.
func (l *Log) attempt(ctx context.Context, stream string, expected esdb.ExpectedRevision, data []esdb.EventData) (eventstore.Appended, error) {
	if err := ctx.Err(); err != nil {
		return eventstore.Appended{}, err // nobody waits any more: nothing may be begun
	}
	c, err := l.appends.acquire(ctx)
	if err != nil {
		return eventstore.Appended{}, err
	}
	type outcome struct {
		result *esdb.WriteResult
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() { c.ended(o.err) }()
		o.err = c.start(context.WithoutCancel(ctx), func(ctx context.Context) (err error) {
			o.result, err = c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, data...)
			return err
		})
		done <- o
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return eventstore.Appended{}, o.err
		}
		return eventstore.Appended{Revision: o.result.NextExpectedVersion, Position: eventstore.Position(o.result.CommitPosition)}, nil
	case <-ctx.Done():
		return eventstore.Appended{}, ctx.Err()
	}
}

// proposal checks an append and converts it. The client would replace a nil id by a random one, and report an append
// that is too large as a mere end of the call.
func proposal(stream string, expected eventstore.Expected, events []eventstore.Proposed) ([]esdb.EventData, error) {
	switch {
	case stream == "":
		return nil, errors.New("there is no stream name")
	case !expected.IsSet():
		return nil, errors.New("there is no expected revision")
	case len(events) == 0:
		return nil, errors.New("there are no events")
	}
	data, size := make([]esdb.EventData, len(events)), 0
	for i, e := range events {
		if e.ID == uuid.Nil || e.Type == "" {
			return nil, fmt.Errorf("event %d has no id or no type", i)
		}
		size += len(e.Data) + len(e.Metadata) + 2*len(e.Type)
		data[i] = esdb.EventData{EventID: e.ID, EventType: e.Type, ContentType: esdb.ContentTypeJson, Data: e.Data, Metadata: e.Metadata}
	}
	if size > eventstore.MaxAppendBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", eventstore.ErrTooLarge, size, eventstore.MaxAppendBytes)
	}
	return data, nil
}

func revision(expected eventstore.Expected) esdb.ExpectedRevision {
	switch {
	case expected.IsNoStream():
		return esdb.NoStream{}
	case expected.IsAny():
		return esdb.Any{}
	default:
		return esdb.Revision(expected.Revision())
	}
}
