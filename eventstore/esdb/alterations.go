package esdb

import (
	"context"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/eventstore"
)

// alterations are the filters of the system events that AlterationOf knows. The server filters by stream or by type, not
// by both. The types are prefixes: there are more that begin so.
var alterations = []esdb.SubscriptionFilter{
	{Type: esdb.EventFilterType, Prefixes: []string{"$metadata", "$streamDeleted", "$scavengeStarted"}},
	{Type: esdb.StreamFilterType, Prefixes: []string{"$settings"}},
}

// Alterations passes on what was ever done to the log itself, and then what is being done, until ctx ends or tell fails.
// It goes on through reconnections as Subscribe does, and fails as it does. tell is called by one goroutine at a time.
// Those of one kind come in the order of the log.
func (l *Log) Alterations(ctx context.Context, tell func(eventstore.Alteration) error) error {
	var one sync.Mutex
	deliver := func(r eventstore.Record) error {
		a, ok := eventstore.AlterationOf(r)
		if !ok {
			return nil
		}
		one.Lock()
		defer one.Unlock()
		return tell(a)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, filter := range alterations {
		group.Go(func() error {
			return l.subscribe(ctx, &following{filter: &filter, takes: func(*eventstore.Record) bool { return true }, deliver: deliver})
		})
	}
	return group.Wait()
}
