package esdb

import (
	"context"
	"fmt"
	"io"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/kdesk/client-secrets/eventstore"
)

// Scan passes what the filter takes of the log as it is now. The server filters subscriptions only, so it is one that
// ends when it has caught up: what the filter leaves out does not cross the network.
func (l *Log) Scan(ctx context.Context, after eventstore.Position, filter eventstore.Filter, take func(eventstore.Record) bool) (
	eventstore.Position, error) {
	var last *catchUp
	request := func() open {
		from, options := &catchUp{considered: after}, subscribing(after, subscriptionFilter(filter))
		last = from
		return func(ctx context.Context, c *client) (_ source, err error) {
			from.Subscription, err = c.SubscribeToAll(ctx, options)
			return from, err
		}
	}
	stopped, err := l.read(ctx, request, func(r *eventstore.Record) bool {
		after = r.Position
		return !matches(r, filter) || take(*r)
	})
	if err != nil {
		return after, fmt.Errorf("scanning the log: %w", err)
	}
	if !stopped {
		after = max(after, last.considered)
	}
	return after, nil
}

// catchUp makes a subscription a source that ends with what there is.
type catchUp struct {
	*esdb.Subscription
	considered eventstore.Position // up to where the server has looked; to be read after the end
}

// Recv returns the next event, an empty one when the server only tells that it is still looking, io.EOF when there are
// no more.
func (s *catchUp) Recv() (*esdb.ResolvedEvent, error) {
	switch event := s.Subscription.Recv(); {
	case event.EventAppeared != nil:
		return event.EventAppeared, nil
	case event.SubscriptionDropped != nil:
		return nil, fmt.Errorf("the subscription dropped: %w", event.SubscriptionDropped.Error)
	case event.CaughtUp != nil:
		return nil, io.EOF
	case event.CheckPointReached != nil:
		s.considered = max(s.considered, eventstore.Position(event.CheckPointReached.Commit))
	}
	return &esdb.ResolvedEvent{}, nil
}

// Close ends the subscription.
func (s *catchUp) Close() { _ = s.Subscription.Close() } // never fails
