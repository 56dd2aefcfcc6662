package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Stored is an event as a log has it, to be put into another one.
type Stored struct {
	Event
	Stream   string
	Revision int64 // math.MaxInt64 for a tombstone
	Position uint64
	Created  time.Time
}

// Restore makes a new log in o.Dir, of events in log order with the positions, revisions and times that they have
// already. It refuses a directory with a log in it, and events that do not follow each other. All of it is on disk when
// it returns; after a failure or a crash the directory must be thrown away.
func Restore(ctx context.Context, o Options, events iter.Seq2[Stored, error]) (err error) {
	s, w, err := prepare(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeDB()) }()
	if w.head != 0 {
		return fmt.Errorf("restoring the event log: there is one in %s already", o.Dir)
	}
	w.batch = s.db.NewBatch()
	for e, err := range events {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = w.restore(e)
		}
		if err != nil {
			return fmt.Errorf("restoring the event log: %w", err)
		}
		if w.batch.Len() >= maxBatchBytes {
			if err := s.flush(w, pebble.NoSync); err != nil {
				return err
			}
			w.batch = s.db.NewBatch()
		}
	}
	if err := s.flush(w, pebble.Sync); err != nil {
		return err
	}
	if err := s.db.Flush(); err != nil {
		return fmt.Errorf("restoring the event log: %w", err)
	}
	return nil
}

// flush commits what was restored so far, if there is room for it.
func (s *Store) flush(w *writer, sync *pebble.WriteOptions) error {
	if err := w.room.short(w.room.appends()); err != nil {
		return err
	}
	if err := w.finish(); err != nil {
		return fmt.Errorf("restoring the event log: %w", err)
	}
	if err := errors.Join(w.batch.Commit(sync), w.batch.Close()); err != nil {
		return fmt.Errorf("restoring the event log: %w", err)
	}
	w.reset()
	return nil
}

// restore adds one event to the batch, and what it means to its stream or to the one that it is metadata of.
func (w *writer) restore(e Stored) error {
	s, err := w.stream(e.Stream)
	if err != nil {
		return err
	}
	tombstone := e.Type == tombstoneType && e.Revision == deletedRevision
	switch {
	case e.Position <= w.head || e.Position > math.MaxInt64:
		return fmt.Errorf("position %d follows %d", e.Position, w.head)
	case s.Tombstoned || !tombstone && e.Revision != s.Head+1:
		return fmt.Errorf("at position %d, revision %d of stream %q follows %d", e.Position, e.Revision, e.Stream, s.Head)
	}
	w.next = e.Position
	d := newDraft(e.Stream, e.Event)
	if err := w.put(s, d, e.Revision, ticks(e.Created)); err != nil {
		return err
	}
	if tombstone {
		s.Tombstoned = true
		return nil
	}
	s.Head = e.Revision
	if owner, ok := s.Owner(); ok {
		return w.setRetention(owner, d.data)
	}
	return nil
}
