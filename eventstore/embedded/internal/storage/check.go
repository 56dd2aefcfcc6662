package storage

import (
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
)

// place is where a recently appended event ended up.
type place struct {
	stream   uint64
	revision int64
	position uint64
}

// check decides whether drafts may be appended to s. It returns the earlier result when this very append was
// committed before, nil when the append may go ahead.
func (w *writer) check(s *Stream, expected Expected, drafts []draft) (*Result, error) {
	deleted, err := w.tombstoned(s)
	if err != nil {
		return nil, err
	}
	if deleted {
		return nil, &StreamDeletedError{Stream: s.Name}
	}
	switch {
	case expected == ExpectExists && s.SoftDeleted():
		return nil, &StreamDeletedError{Stream: s.Name}
	case expected == ExpectExists:
		if err := w.mustExist(s); err != nil {
			return nil, err
		}
		return w.seenRecently(s, expected, drafts)
	case expected == ExpectAny:
		return w.seenRecently(s, expected, drafts)
	case int64(expected) == s.Head:
		return nil, nil
	case int64(expected) > s.Head:
		return nil, wrongRevision(s, expected)
	}
	return w.compare(s, expected, drafts)
}

// tombstoned reports whether the stream, or the one whose metadata it holds, is gone for good.
func (w *writer) tombstoned(s *Stream) (bool, error) {
	if s.Tombstoned || !isMetadataStream(s.Name) {
		return s.Tombstoned, nil
	}
	owner, err := w.stream(s.Name[len(metadataPrefix):])
	if err != nil {
		return false, err
	}
	return owner.Tombstoned, nil
}

// mustExist accepts a stream with events or metadata.
func (w *writer) mustExist(s *Stream) error {
	if s.Head >= 0 {
		return nil
	}
	if !isMetadataStream(s.Name) {
		meta, err := w.stream(metadataPrefix + s.Name)
		if err != nil {
			return err
		}
		if meta.Head >= 0 {
			return nil
		}
	}
	return wrongRevision(s, ExpectExists)
}

// seenRecently is the best-effort idempotency of appends without an exact revision.
func (w *writer) seenRecently(s *Stream, expected Expected, drafts []draft) (*Result, error) {
	var last place
	for i, d := range drafts {
		at, ok := w.recent.Get(d.id)
		known := ok && at.stream == s.id && s.id != 0
		if i == 0 && !known {
			return nil, nil
		}
		if !known || (i > 0 && at.revision != last.revision+1) {
			return nil, wrongRevision(s, expected)
		}
		last = at
	}
	if len(drafts) == 0 {
		return nil, nil
	}
	return &Result{Revision: last.revision, Position: last.position}, nil
}

// compare is the durable idempotency of appends at an exact revision that the stream has passed: the ids
// stored after it decide whether this is a repetition.
func (w *writer) compare(s *Stream, expected Expected, drafts []draft) (*Result, error) {
	var last place
	for i, d := range drafts {
		revision := int64(expected) + 1 + int64(i)
		id, position, found, err := w.idAt(s, revision)
		if err != nil {
			return nil, err
		}
		if !found || id != d.id {
			if i == 0 && s.SoftDeleted() && expected == ExpectNoStream {
				return nil, nil
			}
			return nil, wrongRevision(s, expected)
		}
		last = place{revision: revision, position: position}
	}
	if len(drafts) == 0 {
		if s.SoftDeleted() && expected == ExpectNoStream {
			return nil, nil
		}
		return nil, wrongRevision(s, expected)
	}
	return &Result{Revision: last.revision, Position: last.position}, nil
}

// idAt finds the id of an event, in the batch being built or in the log.
func (w *writer) idAt(s *Stream, revision int64) (uuid.UUID, uint64, bool, error) {
	if s.id == 0 || revision > s.Head {
		return uuid.Nil, 0, false, nil
	}
	if at, ok := w.pending[eventKey{s.id, revision}]; ok {
		return at.id, at.position, true, nil
	}
	record, position, err := w.stored(s, revision)
	if err != nil {
		return uuid.Nil, 0, false, fmt.Errorf("comparing event ids: %w", err)
	}
	return record.ID(), position, true, nil
}

// stored reads one committed event, whether or not retention hides it.
func (w *writer) stored(s *Stream, revision int64) (Record, uint64, error) {
	value, closer, err := w.db.Get(indexKey(s.id, uint64(revision)))
	if err != nil {
		return nil, 0, wrapRead(err)
	}
	position := binary.BigEndian.Uint64(value)
	if err := closer.Close(); err != nil {
		return nil, 0, wrapRead(err)
	}
	value, closer, err = w.db.Get(logKey(position))
	if err != nil {
		return nil, 0, wrapRead(err)
	}
	defer closer.Close()
	record := append(Record(nil), value...)
	return record, position, record.validate()
}

func wrongRevision(s *Stream, expected Expected) error {
	return &WrongRevisionError{Stream: s.Name, Expected: expected, Actual: s.Head}
}
