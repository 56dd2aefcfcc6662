package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Visit is called for each event of a scan, in order; it returns false to end the scan. The record's bytes
// must not be kept.
type Visit func(position uint64, r Record) bool

// ScanAll visits the log forwards from the given position on (inclusive), or backwards from below it
// (exclusive). It reports whether it came to the end, that is, whether no visit ended it.
func (v *View) ScanAll(from uint64, backwards bool, visit Visit) (end bool, err error) {
	iter, err := v.snapshot.NewIter(&pebble.IterOptions{LowerBound: []byte{logPrefix}, UpperBound: []byte{logPrefix + 1}})
	if err != nil {
		return false, fmt.Errorf("opening the log: %w", err)
	}
	defer iter.Close()
	step, valid := iter.Next, false
	if backwards {
		step, valid = iter.Prev, iter.SeekLT(logKey(from))
	} else {
		valid = iter.SeekGE(logKey(from))
	}
	for ; valid; valid = step() {
		record, err := recordAt(iter)
		if err != nil {
			return false, err
		}
		if !visit(positionOf(iter.Key()), record) {
			return false, nil
		}
	}
	err = wrapRead(iter.Error())
	return err == nil, err
}

// Stream returns what is known of a stream; one nobody wrote to has Head -1.
func (v *View) Stream(name string) (*Stream, error) { return loadStream(v.snapshot, name) }

// ScanStream visits the readable events of a stream from a revision on, inclusive in both directions.
// It reports whether it came to the end.
func (v *View) ScanStream(s *Stream, from int64, backwards bool, visit Visit) (end bool, err error) {
	first := s.First()
	if s.id == 0 || first > s.Head || (backwards && from < first) {
		return true, nil
	}
	iter, err := v.snapshot.NewIter(&pebble.IterOptions{
		LowerBound: indexKey(s.id, uint64(first)), UpperBound: indexKey(s.id, uint64(s.Head)+1)})
	if err != nil {
		return false, fmt.Errorf("opening a stream: %w", err)
	}
	defer iter.Close()
	log, err := v.snapshot.NewIter(&pebble.IterOptions{LowerBound: []byte{logPrefix}, UpperBound: []byte{logPrefix + 1}})
	if err != nil {
		return false, fmt.Errorf("opening the log: %w", err)
	}
	defer log.Close()
	step, valid := iter.Next, false
	if backwards {
		step, valid = iter.Prev, iter.SeekLT(indexKey(s.id, uint64(min(from, s.Head))+1))
	} else {
		valid = iter.SeekGE(indexKey(s.id, uint64(max(from, first))))
	}
	since := s.visibleSince(time.Now())
	for ; valid; valid = step() {
		position, record, err := follow(iter, log)
		if err != nil {
			return false, err
		}
		if record.created() >= since && !visit(position, record) {
			return false, nil
		}
	}
	err = wrapRead(iter.Error())
	return err == nil, err
}

// Event returns a copy of one readable event, and false when there is none.
func (v *View) Event(stream string, revision int64) (Record, bool, error) {
	s, err := v.Stream(stream)
	if err != nil || s.Tombstoned || revision < s.First() || revision > s.Head {
		return nil, false, err
	}
	var found Record
	_, err = v.ScanStream(s, revision, false, func(_ uint64, r Record) bool {
		if r.Revision() == revision {
			found = append(Record(nil), r...)
		}
		return false
	})
	return found, found != nil, err
}

// follow resolves the index entry under iter to its record.
func follow(iter, log *pebble.Iterator) (uint64, Record, error) {
	value, err := iter.ValueAndErr()
	if err != nil {
		return 0, nil, wrapRead(err)
	}
	position := binary.BigEndian.Uint64(value)
	if !log.SeekGE(logKey(position)) || positionOf(log.Key()) != position {
		return 0, nil, errors.Join(fmt.Errorf("the index names position %d, which the log lacks", position), log.Error())
	}
	record, err := recordAt(log)
	return position, record, err
}

func recordAt(iter *pebble.Iterator) (Record, error) {
	value, err := iter.ValueAndErr()
	if err != nil {
		return nil, wrapRead(err)
	}
	record := Record(value)
	if err := record.validate(); err != nil {
		return nil, fmt.Errorf("at position %d: %w", positionOf(iter.Key()), err)
	}
	return record, nil
}

func wrapRead(err error) error {
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	return nil
}
