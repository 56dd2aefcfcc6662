// Package eventstore is the contract with the event log, the codec between stored and domain events, and the feed that
// shares one live subscription among all consumers of the process.
//
// It names no vendor: esdb adapts the official client, embedded is a server for it. It stores nothing: checkpoints are
// their consumers' own.
package eventstore

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Failures that callers tell apart with errors.Is.
var (
	ErrWrongRevision  = errors.New("the stream is not at the expected revision")
	ErrStreamNotFound = errors.New("the stream does not exist")
	ErrStreamDeleted  = errors.New("the stream was deleted")
	ErrTooLarge       = errors.New("the append is larger than the log takes")
	ErrFull           = errors.New("the event log has no room") // nothing was written
	ErrForeignLog     = errors.New("the checkpoint is not of this event log")
	ErrUnavailable    = errors.New("the event log cannot be reached") // the outcome of an append is then unknown: retry with the same ids
)

// MaxAppendBytes bounds one append: data, metadata and twice the type's length of all its events.
const MaxAppendBytes = 1 << 20

// Expected is the revision a stream must be at for an append. Its zero value is invalid, so that none is ever implied.
type Expected struct {
	kind     expectedKind
	revision uint64
}

type expectedKind uint8

const (
	unset expectedKind = iota
	noStream
	exact
	anyRevision
)

// NoStream expects the stream to be absent.
func NoStream() Expected { return Expected{kind: noStream} }

// Exact expects the stream's last event to have this revision.
func Exact(revision uint64) Expected { return Expected{kind: exact, revision: revision} }

// AnyRevision expects nothing. Only for streams whose events do not depend on each other.
func AnyRevision() Expected { return Expected{kind: anyRevision} }

// IsSet, IsNoStream and IsAny tell the kinds apart; Revision is that of Exact.
func (e Expected) IsSet() bool { return e.kind != unset }

// IsNoStream tells whether the stream must be absent.
func (e Expected) IsNoStream() bool { return e.kind == noStream }

// IsAny tells whether nothing is expected.
func (e Expected) IsAny() bool { return e.kind == anyRevision }

// Revision returns the revision an Exact expects.
func (e Expected) Revision() uint64 { return e.revision }

// Position is a commit position in the whole log: strictly increasing, with gaps. It is opaque in public.
type Position uint64

// Start is before every event. End is after the last one there is when the call is made.
const (
	Start Position = 0
	End   Position = math.MaxUint64
)

// Proposed is an event to append. Its id makes a repeated append recognisable.
type Proposed struct {
	ID       uuid.UUID
	Type     string
	Data     []byte // JSON
	Metadata []byte // JSON
}

// Record is an event as stored.
type Record struct {
	ID       uuid.UUID
	Stream   string
	Revision uint64
	Type     string
	Data     []byte
	Metadata []byte
	Binary   bool // the data is not marked as JSON; never so for what Append wrote
	At       time.Time
	Position Position
}

// Appended tells where an append ended: the revision and position of its last event.
type Appended struct {
	Revision uint64
	Position Position
}

// Filter limits what is read from the whole log. The zero value takes everything that is not a system event.
type Filter struct {
	StreamPrefixes []string
}

// Matches tells whether the events of a stream that is no system stream are taken.
func (f Filter) Matches(stream string) bool {
	for _, prefix := range f.StreamPrefixes {
		if strings.HasPrefix(stream, prefix) {
			return true
		}
	}
	return len(f.StreamPrefixes) == 0
}

// Log is the event log. Every call ends by the deadline of its context, at the latest after the implementation's own.
type Log interface {
	// Append writes events atomically. ErrWrongRevision, ErrStreamDeleted, ErrTooLarge, ErrFull or ErrUnavailable.
	Append(ctx context.Context, stream string, expected Expected, events []Proposed) (Appended, error)
	// ReadStream yields the events of a stream from revision on, inclusive, oldest first. ErrStreamNotFound if absent.
	// The sequence ends after its first error.
	ReadStream(ctx context.Context, stream string, from uint64) iter.Seq2[Record, error]
	// ReadAll yields the events of the whole log after a position, exclusive (Start: from the first one), oldest first, at
	// most limit of those the filter takes. Limit 0 means all there are.
	ReadAll(ctx context.Context, after Position, limit uint64, filter Filter) iter.Seq2[Record, error]
	// Scan passes the events after a position, exclusive, that the filter takes to take, oldest first, until that returns
	// false or the log as it is now has been considered. It returns up to where everything was considered, with an error
	// too. After that position nothing need be there.
	Scan(ctx context.Context, after Position, filter Filter, take func(Record) bool) (Position, error)
	// Head returns the position of the last event there is that is no system event; Start for an empty log.
	Head(ctx context.Context) (Position, error)
	// At returns the event at exactly this position; false if there is none.
	At(ctx context.Context, position Position) (Record, bool, error)
	// Subscribe delivers the events after a position in order, exactly once each while it lives, through reconnections.
	// It blocks until ctx ends or deliver returns an error, which it returns. checkpoint, which may be nil, tells
	// that everything up to a
	// position was considered although nothing matched.
	Subscribe(ctx context.Context, after Position, filter Filter, deliver func(Record) error, checkpoint func(Position) error) error
	// Ready reports whether the log can be read now.
	Ready(ctx context.Context) error
}
