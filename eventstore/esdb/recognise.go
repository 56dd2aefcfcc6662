package esdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/eventstore"
)

// lagLimit is how long a node of the log may not have an event yet that another node has delivered. After that the log is
// one that was restored to an earlier state.
const lagLimit = 5 * time.Second

// anchor is an event by which a log is recognised. Its zero value is none.
type anchor struct {
	position eventstore.Position
	id       uuid.UUID
	missing  time.Time // since when it has not been found
}

// recognise checks, after a subscription was made and before anything is taken from it, that the log still has the last
// event that came from it. What follows that position in another log is not what follows here.
func (l *Log) recognise(ctx context.Context, f *following) error {
	if f.known.position == eventstore.Start {
		if f.last == eventstore.Start {
			return nil
		}
		r, found, err := l.At(ctx, f.last)
		if found {
			f.known = anchor{position: r.Position, id: r.ID}
		}
		return err
	}
	err := eventstore.Guard(ctx, l, f.known.position, f.known.id)
	if !errors.Is(err, eventstore.ErrForeignLog) {
		f.known.missing = time.Time{}
		return err
	}
	head, headErr := l.Head(ctx)
	if headErr != nil {
		return headErr
	}
	if f.known.missing.IsZero() {
		f.known.missing = time.Now()
	}
	if head < f.known.position && time.Since(f.known.missing) < lagLimit {
		return fmt.Errorf("this node of the log lags behind the one before it: %w", err)
	}
	return consumerError{err}
}
