package embedded

import (
	"context"
	"math"

	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// A subscription has no buffer of live events: it always reads on from its cursor, and at the end of the log
// waits until the head has advanced. So there is nothing that could overflow, repeat or be missed.
type subscription struct {
	*streamsService
	request *readRequest
	call    api.Streams_ReadServer
	live    bool // told to have caught up

	// Of a subscription to the whole log.
	position   uint64 // last considered
	checkpoint uint64 // last reported
	considered uint64 // since the last checkpoint

	revision int64 // last considered, of a subscription to a stream
}

func (s *streamsService) subscribeAll(r *readRequest, call api.Streams_ReadServer) error {
	sub := &subscription{streamsService: s, request: r, call: call, position: r.from}
	if r.end || r.start {
		view, err := s.store.View()
		if err != nil {
			return err
		}
		if sub.position = 0; r.end {
			sub.position = view.Head
		}
		view.Close()
	}
	sub.checkpoint = sub.position
	return sub.run(sub.fillFromAll)
}

func (s *streamsService) subscribeStream(r *readRequest, call api.Streams_ReadServer) error {
	sub := &subscription{streamsService: s, request: r, call: call, revision: int64(r.from)}
	switch {
	case r.start:
		sub.revision = -1
	case r.end:
		view, err := s.store.View()
		if err != nil {
			return err
		}
		stream, err := view.Stream(r.stream)
		view.Close()
		if err != nil {
			return err
		}
		sub.revision = stream.Head
	}
	return sub.run(sub.fillFromStream)
}

// run sends what fill finds, and waits for the head to advance when there is nothing more.
func (sub *subscription) run(fill func(*chunk, *storage.View) (end bool, err error)) error {
	if err := sub.call.Send(confirmation()); err != nil {
		return err
	}
	for c := newChunk(sub.request.textIDs); ; {
		advanced, end, err := sub.fill(c, fill)
		if err != nil {
			return err
		}
		if err := sub.report(c, end); err != nil {
			return err
		}
		if !end {
			continue
		}
		if err := sub.wait(sub.call.Context(), advanced); err != nil {
			return err
		}
	}
}

func (sub *subscription) fill(c *chunk, fill func(*chunk, *storage.View) (bool, error)) (<-chan struct{}, bool, error) {
	view, err := sub.store.View()
	if err != nil {
		return nil, false, err
	}
	defer view.Close()
	end, err := fill(c, view)
	return view.Advanced, end, err
}

// report sends a chunk and what it means for the subscription's state.
func (sub *subscription) report(c *chunk, end bool) error {
	if sub.live && !end {
		sub.live = false
		if err := sub.call.Send(fellBehind); err != nil {
			return err
		}
	}
	catchesUp := end && !sub.live
	if catchesUp && sub.request.filter != nil && sub.position > sub.checkpoint {
		sub.addCheckpoint(c)
	}
	if err := c.send(sub.call); err != nil {
		return err
	}
	if catchesUp {
		sub.live = true
		return sub.call.Send(caughtUp)
	}
	return sub.call.Context().Err()
}

func (sub *subscription) wait(ctx context.Context, advanced <-chan struct{}) error {
	select {
	case <-advanced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-sub.store.Done():
		return sub.store.Err()
	case <-sub.stopping:
		return status.Error(codes.Unavailable, "the event store is shutting down")
	}
}

// fillFromAll takes matching events after the cursor, with a checkpoint after each interval of considered ones.
func (sub *subscription) fillFromAll(c *chunk, view *storage.View) (bool, error) {
	scanned, failed := 0, error(nil)
	end, err := view.ScanAll(sub.position+1, false, func(position uint64, record storage.Record) bool {
		if c.full() || scanned == chunkScan {
			return false
		}
		scanned++
		if sub.request.filter.matches(record) {
			if failed = sub.emit(sub.request, c, view, position, record); failed != nil {
				return false
			}
		}
		sub.position = position
		sub.considered++
		if f := sub.request.filter; f != nil && sub.considered >= f.interval {
			sub.addCheckpoint(c)
		}
		return true
	})
	if failed != nil {
		err = failed
	}
	return end, err
}

// addCheckpoint reports the last considered event: nothing at or before it will be sent any more.
func (sub *subscription) addCheckpoint(c *chunk) {
	c.checkpoint(sub.position)
	sub.checkpoint, sub.considered = sub.position, 0
}

// fillFromStream takes events after the cursor. A tombstone ends the subscription.
func (sub *subscription) fillFromStream(c *chunk, view *storage.View) (bool, error) {
	stream, err := view.Stream(sub.request.stream)
	if err != nil {
		return false, err
	}
	if gone, err := sub.tombstoned(stream); err != nil || gone {
		return false, orDeleted(err, stream.Name)
	}
	if sub.revision >= stream.Head || sub.revision == math.MaxInt64 {
		return true, nil
	}
	failed := error(nil)
	end, err := view.ScanStream(stream, sub.revision+1, false, func(position uint64, record storage.Record) bool {
		if c.full() {
			return false
		}
		sub.revision = record.Revision()
		failed = sub.emit(sub.request, c, view, position, record)
		return failed == nil
	})
	if failed != nil {
		err = failed
	}
	return end, err
}
