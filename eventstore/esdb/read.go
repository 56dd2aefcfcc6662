package esdb

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/kdesk/client-secrets/eventstore"
)

// Pages of the whole log are asked for in growing sizes, since nobody knows how much of them the filter takes.
const (
	firstPage = 256
	pageSize  = 4096
)

// ReadStream yields the events of a stream. A lost connection is replaced and the read goes on where it was.
func (l *Log) ReadStream(ctx context.Context, stream string, from uint64) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		request := func() open {
			options := esdb.ReadStreamOptions{From: esdb.Revision(from)}
			return func(ctx context.Context, c *client) (source, error) {
				return c.ReadStream(ctx, stream, options, math.MaxInt64)
			}
		}
		_, err := l.read(ctx, request, func(r *eventstore.Record) bool {
			from = r.Revision + 1
			return yield(*r, nil)
		})
		if err != nil {
			yield(eventstore.Record{}, fmt.Errorf("reading %s: %w", stream, err))
		}
	}
}

// ReadAll yields the events after a position that match the filter. The client cannot filter a read on the server, so
// it is done here.
func (l *Log) ReadAll(ctx context.Context, after eventstore.Position, limit uint64, filter eventstore.Filter) iter.Seq2[eventstore.Record, error] {
	return l.readAll(ctx, after, limit, func(r *eventstore.Record) bool { return matches(r, filter) })
}

// Everything yields all events, those of the log itself too, oldest first. It is for copies of the log.
func (l *Log) Everything(ctx context.Context) iter.Seq2[eventstore.Record, error] {
	return l.readAll(ctx, eventstore.Start, 0, func(*eventstore.Record) bool { return true })
}

func (l *Log) readAll(ctx context.Context, after eventstore.Position, limit uint64, matches func(*eventstore.Record) bool) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		if limit == 0 {
			limit = math.MaxUint64
		}
		for page := uint64(firstPage); limit > 0 && after != eventstore.End; page = min(2*page, pageSize) {
			goesOn := true
			more, err := l.page(ctx, &after, min(max(limit, page), pageSize)+1, func(r *eventstore.Record) bool {
				if !matches(r) {
					return true
				}
				limit--
				goesOn = yield(*r, nil)
				return goesOn && limit > 0
			})
			if err != nil && goesOn {
				yield(eventstore.Record{}, fmt.Errorf("reading the log: %w", err))
			}
			if err != nil || !goesOn || !more {
				return
			}
		}
	}
}

// page reads up to count events of the whole log from position on, inclusive, passes those after it and moves it. It
// reports whether there may be more.
func (l *Log) page(ctx context.Context, position *eventstore.Position, count uint64, take func(*eventstore.Record) bool) (bool, error) {
	seen := uint64(0)
	request := func() open {
		seen = 0
		return all(esdb.Forwards, forward(*position), count)
	}
	stopped, err := l.read(ctx, request, func(r *eventstore.Record) bool {
		seen++
		if r.Position <= *position && *position != eventstore.Start {
			return true
		}
		*position = r.Position
		return take(r)
	})
	return stopped || seen >= count, err
}

// all is a read of the whole log.
func all(direction esdb.Direction, from esdb.AllPosition, count uint64) open {
	return func(ctx context.Context, c *client) (source, error) {
		return c.ReadAll(ctx, esdb.ReadAllOptions{Direction: direction, From: from}, count)
	}
}

func forward(position eventstore.Position) esdb.AllPosition {
	if position == eventstore.Start {
		return esdb.Start{}
	}
	return esdb.Position{Commit: uint64(position), Prepare: uint64(position)}
}

// matches tells whether an event is taken. Events and streams whose name begins with $ are the log's own.
func matches(r *eventstore.Record, filter eventstore.Filter) bool {
	return !strings.HasPrefix(r.Type, "$") && !strings.HasPrefix(r.Stream, "$") && filter.Matches(r.Stream)
}

// Head looks backwards for the newest event that is no system event.
func (l *Log) Head(ctx context.Context) (eventstore.Position, error) {
	var from esdb.AllPosition = esdb.End{}
	for count := uint64(8); ; count = min(8*count, pageSize) {
		head, seen := eventstore.Start, uint64(0)
		request := func() open {
			seen = 0
			return all(esdb.Backwards, from, count)
		}
		found, err := l.read(ctx, request, func(r *eventstore.Record) bool {
			seen, head = seen+1, r.Position
			from = esdb.Position{Commit: uint64(r.Position), Prepare: uint64(r.Position)}
			return !matches(r, eventstore.Filter{})
		})
		switch {
		case err != nil:
			return eventstore.Start, fmt.Errorf("looking for the head of the log: %w", err)
		case found:
			return head, nil
		case seen < count:
			return eventstore.Start, nil
		}
	}
}

// At returns the event at exactly this position, a system event too.
func (l *Log) At(ctx context.Context, position eventstore.Position) (eventstore.Record, bool, error) {
	if position == eventstore.End {
		return eventstore.Record{}, false, nil
	}
	var at eventstore.Record
	exactly := esdb.Position{Commit: uint64(position), Prepare: uint64(position)}
	request := func() open { return all(esdb.Forwards, exactly, 1) }
	found, err := l.read(ctx, request, func(r *eventstore.Record) bool {
		at = *r
		return r.Position != position
	})
	if err != nil || !found {
		if err != nil {
			err = fmt.Errorf("reading the event at a position: %w", err)
		}
		return eventstore.Record{}, false, err
	}
	return at, true, nil
}

// Ready reads from the end of the log.
func (l *Log) Ready(ctx context.Context) error {
	if _, err := l.Head(ctx); err != nil {
		return fmt.Errorf("the event log is not ready: %w", err)
	}
	return nil
}
