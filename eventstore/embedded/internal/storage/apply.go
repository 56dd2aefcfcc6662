package storage

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

type operation int

const (
	opAppend operation = iota
	opDelete
	opTombstone
)

// apply adds one job to the batch. An error that does not only refuse the job is a failure of the disk and ends
// the store.
func (w *writer) apply(j *job) (Result, error) {
	s, err := w.stream(j.stream)
	if err != nil {
		return Result{}, err
	}
	prior, err := w.check(s, j.expected, j.drafts)
	if err != nil {
		return Result{}, err
	}
	if prior != nil {
		return *prior, nil
	}
	if w.full != nil {
		return Result{}, w.full
	}
	switch j.operation {
	case opDelete:
		return w.softDelete(s)
	case opTombstone:
		return w.tombstone(s)
	default:
		return w.append(s, j.drafts)
	}
}

func (w *writer) append(s *Stream, drafts []draft) (Result, error) {
	if len(drafts) == 0 {
		return Result{Revision: s.Head}, nil
	}
	now := ticks(w.now())
	if s.SoftDeleted() {
		if err := w.undelete(s, now); err != nil {
			return Result{}, err
		}
	}
	for _, d := range drafts {
		if err := w.put(s, d, s.Head+1, now); err != nil {
			return Result{}, err
		}
		s.Head++
	}
	result := Result{Revision: s.Head, Position: w.head}
	if isMetadataStream(s.Name) {
		return result, w.setRetention(s.Name[len(metadataPrefix):], drafts[len(drafts)-1].data)
	}
	return result, nil
}

// setRetention makes metadata take effect on the stream it is about.
func (w *writer) setRetention(name string, metadata []byte) error {
	owner, err := w.stream(name)
	if err != nil {
		return err
	}
	owner.retention = parseRetention(metadata)
	w.dirty[name] = owner
	return nil
}

// softDelete truncates the whole stream; appending again brings it back, with the next revision.
func (w *writer) softDelete(s *Stream) (Result, error) {
	return w.writeMetadata(s, fmt.Appendf(nil, `{"$tb":%d}`, int64(deletedRevision)), ticks(w.now()))
}

// undelete lets a soft-deleted stream continue after its last event, with the rest of its metadata kept.
func (w *writer) undelete(s *Stream, ticks int64) error {
	meta, err := w.stream(metadataPrefix + s.Name)
	if err != nil {
		return err
	}
	current, err := w.lastData(meta)
	if err != nil {
		return err
	}
	_, err = w.writeMetadata(s, withTruncateBefore(current, s.Head+1), ticks)
	return err
}

// lastData is the payload of a stream's last event, in the batch being built or in the log.
func (w *writer) lastData(s *Stream) ([]byte, error) {
	if s.Head < 0 {
		return nil, nil
	}
	if at, ok := w.pending[eventKey{s.id, s.Head}]; ok {
		return at.data, nil
	}
	record, _, err := w.stored(s, s.Head)
	if err != nil {
		return nil, fmt.Errorf("reading stream metadata: %w", err)
	}
	return record.Data(), nil
}

func (w *writer) writeMetadata(s *Stream, data []byte, ticks int64) (Result, error) {
	meta, err := w.stream(metadataPrefix + s.Name)
	if err != nil {
		return Result{}, err
	}
	d := newDraft(meta.Name, Event{ID: uuid.New(), Type: metadataType, JSON: true, Data: data})
	if err := w.put(meta, d, meta.Head+1, ticks); err != nil {
		return Result{}, err
	}
	meta.Head++
	return Result{Revision: s.Head, Position: w.head}, w.setRetention(s.Name, data)
}

// tombstone ends a stream for good; no event may follow.
func (w *writer) tombstone(s *Stream) (Result, error) {
	d := newDraft(s.Name, Event{ID: uuid.New(), Type: tombstoneType})
	if err := w.put(s, d, deletedRevision, ticks(w.now())); err != nil {
		return Result{}, err
	}
	s.Tombstoned = true
	return Result{Revision: s.Head, Position: w.head}, nil
}

// systemClock is replaced in tests that need an event to be old.
func systemClock() time.Time { return time.Now() }
