package projections

import (
	"context"
	"sort"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
)

// batch is a run of events of interest and the checkpoint after it.
type batch struct {
	events []domain.Recorded
	to     checkpoint
}

// add appends what follows.
func (b *batch) add(next eventstore.Batch) {
	if b.events == nil {
		b.events = next.Events[:len(next.Events):len(next.Events)] // shared with others: appending copies
	} else {
		b.events = append(b.events, next.Events...)
	}
	b.to = checkpoint{next.To, next.LastID}
}

// gather reads at least one batch, and on until it has max events or the reader is at position until.
func gather(ctx context.Context, reader *eventstore.Reader, max int, until eventstore.Position) (batch, error) {
	var b batch
	for {
		next, err := reader.Next(ctx, max-len(b.events), 0)
		if err != nil {
			return batch{}, err
		}
		b.add(next)
		if len(b.events) >= max || next.To >= until {
			return b, nil
		}
	}
}

// after drops what was applied before: a batch may come twice.
func (b batch) after(position eventstore.Position) batch {
	i := sort.Search(len(b.events), func(i int) bool { return b.events[i].Position > uint64(position) })
	return batch{b.events[i:], b.to}
}

// single returns the events as batches of one.
func (b batch) single() []batch {
	ones := make([]batch, len(b.events))
	for i := range b.events {
		ones[i] = batch{b.events[i : i+1], checkpoint{eventstore.Position(b.events[i].Position), b.events[i].ID}}
	}
	ones[len(ones)-1].to = b.to
	return ones
}
