package storage

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// streamCacheSize and recentCacheSize bound the writer's memory: some 200 bytes for each stream it keeps
	// the state of, 100 for each event id it recognises in a repeated append without an exact revision.
	streamCacheSize = 32 << 10
	recentCacheSize = 32 << 10
)

// Result is the outcome of a write. Revision is the stream's head after it, -1 if it has no events; Position
// is that of the last event written, 0 if none was.
type Result struct {
	Revision int64
	Position uint64
}

type eventKey struct {
	stream   uint64
	revision int64
}

type pendingEvent struct {
	id       uuid.UUID
	position uint64
	data     []byte
}

// writer validates and assigns. It is used by the store's one writing goroutine only. Its state runs ahead of
// the log by the batch being built; a failed commit ends the writer, so nothing is ever undone.
type writer struct {
	db         *pebble.DB
	now        func() time.Time
	room       *room
	full       error // set while the disk has no room
	streams    *simplelru.LRU[string, *Stream]
	recent     *simplelru.LRU[uuid.UUID, place]
	nextStream uint64
	head       uint64 // position of the last event
	next       uint64 // position of the next event

	batch   *pebble.Batch
	dirty   map[string]*Stream // changed by this batch; also keeps them from being evicted
	pending map[eventKey]pendingEvent
	scratch []byte
}

func newWriter(db *pebble.DB, now func() time.Time, room *room) (*writer, error) {
	w := &writer{db: db, now: now, room: room, dirty: map[string]*Stream{}, pending: map[eventKey]pendingEvent{}, nextStream: 1}
	var err error
	if w.streams, err = simplelru.NewLRU[string, *Stream](streamCacheSize, nil); err != nil {
		return nil, err
	}
	if w.recent, err = simplelru.NewLRU[uuid.UUID, place](recentCacheSize, nil); err != nil {
		return nil, err
	}
	return w, w.recover()
}

// recover finds where the log ends and which stream id comes next.
func (w *writer) recover() error {
	iter, err := w.db.NewIter(&pebble.IterOptions{LowerBound: []byte{logPrefix}, UpperBound: []byte{logPrefix + 1}})
	if err != nil {
		return wrapRead(err)
	}
	defer iter.Close()
	w.next = 1
	if iter.Last() {
		record, err := recordAt(iter)
		if err != nil {
			return err
		}
		w.head = positionOf(iter.Key())
		w.next = w.head + uint64(len(record))
	}
	if err := iter.Error(); err != nil {
		return wrapRead(err)
	}
	value, closer, err := w.db.Get(nextStreamKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return wrapRead(err)
	}
	w.nextStream = binary.BigEndian.Uint64(value)
	return closer.Close()
}

// stream returns the state of a stream as the batch being built leaves it.
func (w *writer) stream(name string) (*Stream, error) {
	if s, ok := w.dirty[name]; ok {
		return s, nil
	}
	if s, ok := w.streams.Get(name); ok {
		return s, nil
	}
	s, err := loadStream(w.db, name)
	if err != nil {
		return nil, err
	}
	w.streams.Add(name, s)
	return s, nil
}

// put appends one event to s, at the given revision.
func (w *writer) put(s *Stream, d draft, revision int64, ticks int64) error {
	if s.id == 0 {
		s.id = w.nextStream
		w.nextStream++
		if err := w.batch.Set(nextStreamKey, binary.BigEndian.AppendUint64(nil, w.nextStream), nil); err != nil {
			return err
		}
	}
	position := w.next
	w.scratch = d.appendRecord(w.scratch[:0], revision, position, ticks)
	if err := w.batch.Set(logKey(position), w.scratch, nil); err != nil {
		return err
	}
	if err := w.batch.Set(indexKey(s.id, uint64(revision)), binary.BigEndian.AppendUint64(nil, position), nil); err != nil {
		return err
	}
	w.head, w.next = position, position+uint64(len(w.scratch))
	w.dirty[s.Name] = s
	w.pending[eventKey{s.id, revision}] = pendingEvent{id: d.id, position: position, data: d.data}
	w.recent.Add(d.id, place{stream: s.id, revision: revision, position: position})
	return nil
}

// finish adds the changed stream entries to the batch.
func (w *writer) finish() error {
	for _, s := range w.dirty {
		if err := w.batch.Set(streamKey(s.Name), s.encode(), nil); err != nil {
			return err
		}
	}
	return nil
}

// reset starts the next batch once this one is committed.
func (w *writer) reset() {
	clear(w.dirty)
	clear(w.pending)
	if cap(w.scratch) > 1<<20 {
		w.scratch = nil
	}
	w.batch = nil
}
