package esdb

import (
	"context"
	"errors"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/kdesk/client-secrets/eventstore"
)

// The server reports a checkpoint after considering this many windows of this many events.
const (
	searchWindow       = 512
	checkpointInterval = 4
)

// following is a subscription through all its reconnections.
type following struct {
	last       eventstore.Position // the last position considered; eventstore.Start before the first
	known      anchor              // the last event that is known
	filter     *esdb.SubscriptionFilter
	takes      func(*eventstore.Record) bool // what the filter takes; servers may take more
	deliver    func(eventstore.Record) error
	checkpoint func(eventstore.Position) error
	progress   bool
}

// consumerError carries an error of deliver or checkpoint, which ends the subscription, past those that do not.
type consumerError struct{ error }

// Subscribe delivers the events after a position. It reconnects for as long as ctx lives, whatever the failure: whoever
// asks Ready learns about one that lasts. It resumes at the last event delivered or checkpoint reported by the server, so
// that nothing is left out, and passes over what it has delivered already. It fails with ErrForeignLog if the log to which
// it reconnects is not the one that it delivered from. Close ends it too, with ErrUnavailable.
func (l *Log) Subscribe(ctx context.Context, after eventstore.Position, filter eventstore.Filter,
	deliver func(eventstore.Record) error, checkpoint func(eventstore.Position) error) error {
	takes := func(r *eventstore.Record) bool { return matches(r, filter) }
	return l.subscribe(ctx, &following{last: after, filter: subscriptionFilter(filter), takes: takes, deliver: deliver, checkpoint: checkpoint})
}

// subscribe follows through reconnections.
func (l *Log) subscribe(ctx context.Context, f *following) error {
	open, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.closing, cancel)()
	for failures := 0; ; failures++ {
		err := l.follow(open, f)
		var fatal consumerError
		if errors.As(err, &fatal) {
			return fatal.error
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if open.Err() != nil || errors.Is(err, errClosed) {
			return fmt.Errorf("following the log: %w", errClosed)
		}
		if f.progress {
			failures, f.progress = 0, false
		}
		l.config.Logger.Warn("the subscription was interrupted", "error", err, "position", uint64(f.last))
		pause(open, failures)
	}
}

// follow subscribes once, until the subscription drops.
func (l *Log) follow(ctx context.Context, f *following) (err error) {
	if f.last == eventstore.End { // make it a position: a second try from the end would leave out what came in between
		head, err := l.Head(ctx)
		if err != nil {
			return err
		}
		f.last = head
	}
	c, err := l.follows.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { c.ended(err) }()
	var subscription *esdb.Subscription
	err = c.start(ctx, func(ctx context.Context) (err error) {
		subscription, err = c.SubscribeToAll(ctx, subscribing(f.last, f.filter))
		return err
	})
	if err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	defer func() { _ = subscription.Close() }() // never fails
	if err := l.recognise(ctx, f); err != nil {
		return err
	}
	for {
		var event *esdb.SubscriptionEvent
		if err := guarded(func() error { event = subscription.Recv(); return nil }); err != nil {
			return err
		}
		if event.SubscriptionDropped != nil {
			return fmt.Errorf("the subscription dropped: %w", event.SubscriptionDropped.Error)
		}
		if err := f.take(event); err != nil {
			return consumerError{err}
		}
	}
}

// subscriptionFilter is what the server is to filter by.
func subscriptionFilter(filter eventstore.Filter) *esdb.SubscriptionFilter {
	if len(filter.StreamPrefixes) == 0 {
		return esdb.ExcludeSystemEventsFilter()
	}
	return &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: filter.StreamPrefixes}
}

// subscribing is a subscription to what the filter takes after a position.
func subscribing(after eventstore.Position, filter *esdb.SubscriptionFilter) esdb.SubscribeToAllOptions {
	return esdb.SubscribeToAllOptions{
		From: forward(after), Filter: filter, MaxSearchWindow: searchWindow, CheckpointInterval: checkpointInterval,
	}
}

// take handles what came, once for each position.
func (f *following) take(event *esdb.SubscriptionEvent) error {
	switch {
	case event.EventAppeared != nil && event.EventAppeared.OriginalEvent() != nil:
		r := record(event.EventAppeared.OriginalEvent())
		if !f.advance(r.Position) {
			return nil
		}
		f.known = anchor{position: r.Position, id: r.ID}
		if !f.takes(&r) {
			return nil
		}
		return f.deliver(r)
	case event.CheckPointReached != nil:
		p := eventstore.Position(event.CheckPointReached.Commit)
		if !f.advance(p) || f.checkpoint == nil {
			return nil
		}
		return f.checkpoint(p)
	}
	return nil
}

func (f *following) advance(p eventstore.Position) bool {
	if p <= f.last && f.last != eventstore.Start {
		return false
	}
	f.last, f.progress = p, true
	return true
}
