package storage

import (
	"errors"
	"fmt"
)

// ErrClosed is returned by everything after Close.
var ErrClosed = errors.New("the event store is closed")

// ErrFull is returned by writes while the disk has no room for them. Nothing was written; reads go on, and so do
// writes once there is room again.
var ErrFull = errors.New("the disk of the event log is full")

// ErrStopped is returned by everything after a failed commit.
var ErrStopped = errors.New("the event log stopped")

// Expected is the condition on a stream under which a write is accepted: a revision from 0 on, or one of the
// constants.
type Expected int64

const (
	// ExpectAny accepts the write whatever the stream's state.
	ExpectAny Expected = -2
	// ExpectNoStream asks for a stream without events, or soft-deleted.
	ExpectNoStream Expected = -1
	// ExpectExists asks for a stream with events or metadata.
	ExpectExists Expected = -4
)

// WrongRevisionError says that a write's condition does not hold; nothing was written.
type WrongRevisionError struct {
	Stream   string
	Expected Expected
	Actual   int64 // -1: the stream has no events
}

func (e *WrongRevisionError) Error() string {
	return fmt.Sprintf("stream %q is at revision %d, expected %d", e.Stream, e.Actual, e.Expected)
}

// StreamDeletedError says that a stream is tombstoned, or soft-deleted where it was expected to exist.
type StreamDeletedError struct{ Stream string }

func (e *StreamDeletedError) Error() string { return fmt.Sprintf("stream %q is deleted", e.Stream) }
