package storage

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	metadataPrefix  = "$$"
	metadataType    = "$metadata"
	tombstoneType   = "$streamDeleted"
	deletedRevision = math.MaxInt64 // revision of a tombstone, and truncate-before of a soft-deleted stream
)

// Stream is what is known of a stream besides its events. The zero Stream, with Head -1, is one that never
// had an event.
type Stream struct {
	Name       string
	Head       int64 // revision of the last event, -1 without one
	Tombstoned bool
	retention
	id uint64 // 0 until the first event
}

// retention hides events from stream reads; reads of the whole log still return them.
type retention struct {
	maxCount       int64         // 0 = unlimited
	maxAge         time.Duration // 0 = unlimited
	truncateBefore int64         // first revision that may be read
}

// SoftDeleted reports that every event is truncated until somebody appends again.
func (s *Stream) SoftDeleted() bool { return s.truncateBefore == deletedRevision }

// Exists reports whether a read finds the stream: it has events and is not soft-deleted.
func (s *Stream) Exists() bool { return s.Head >= 0 && !s.SoftDeleted() }

// First is the lowest revision that $tb and $maxCount leave readable; it is above Head when none is.
func (s *Stream) First() int64 {
	first := s.truncateBefore
	limit := s.maxCount
	if isMetadataStream(s.Name) {
		limit = 1
	}
	if limit > 0 && s.Head-limit+1 > first {
		first = s.Head - limit + 1
	}
	return first
}

// visibleSince is the creation time in ticks below which $maxAge hides an event.
func (s *Stream) visibleSince(now time.Time) int64 {
	if s.maxAge == 0 {
		return math.MinInt64
	}
	return ticks(now.Add(-s.maxAge))
}

// Owner is the stream whose metadata this one holds, if it is a metadata stream.
func (s *Stream) Owner() (string, bool) { return strings.CutPrefix(s.Name, metadataPrefix) }

func isMetadataStream(name string) bool { return strings.HasPrefix(name, metadataPrefix) }

// ticks counts 100 ns since the Unix epoch.
func ticks(t time.Time) int64 { return t.UnixNano() / 100 }

const streamFormat = 1

func (s *Stream) encode() []byte {
	b := append(make([]byte, 0, 42), streamFormat, 0)
	if s.Tombstoned {
		b[1] = 1
	}
	for _, v := range [...]int64{int64(s.id), s.Head, s.maxCount, int64(s.maxAge), s.truncateBefore} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func decodeStream(name string, b []byte) (*Stream, error) {
	if len(b) != 42 || b[0] != streamFormat {
		return nil, fmt.Errorf("stream entry of %d bytes has an unknown format", len(b))
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[2+8*i:])) }
	return &Stream{Name: name, Tombstoned: b[1] == 1, id: uint64(at(0)), Head: at(1),
		retention: retention{maxCount: at(2), maxAge: time.Duration(at(3)), truncateBefore: at(4)}}, nil
}

// loadStream returns a Stream with Head -1 when the name is unknown.
func loadStream(r pebble.Reader, name string) (*Stream, error) {
	value, closer, err := r.Get(streamKey(name))
	if errors.Is(err, pebble.ErrNotFound) {
		return &Stream{Name: name, Head: -1}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading stream entry: %w", err)
	}
	defer closer.Close()
	return decodeStream(name, value)
}

// parseRetention reads $maxCount, $maxAge (seconds) and $tb. Whatever is missing, out of range or not JSON
// counts as unlimited: metadata is never a reason to refuse an append.
func parseRetention(data []byte) retention {
	var raw struct {
		MaxCount *int64 `json:"$maxCount"`
		MaxAge   *int64 `json:"$maxAge"`
		Truncate *int64 `json:"$tb"`
	}
	var r retention
	if json.Unmarshal(data, &raw) != nil {
		return r
	}
	if raw.MaxCount != nil && *raw.MaxCount > 0 {
		r.maxCount = *raw.MaxCount
	}
	if raw.MaxAge != nil && *raw.MaxAge > 0 && *raw.MaxAge < int64(math.MaxInt64/time.Second) {
		r.maxAge = time.Duration(*raw.MaxAge) * time.Second
	}
	if raw.Truncate != nil && *raw.Truncate > 0 {
		r.truncateBefore = *raw.Truncate
	}
	return r
}

// withTruncateBefore returns the metadata with another $tb, keeping everything else in it.
func withTruncateBefore(data []byte, revision int64) []byte {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(data, &fields) != nil || fields == nil {
		fields = map[string]json.RawMessage{}
	}
	fields["$tb"] = json.RawMessage(fmt.Sprint(revision))
	out, err := json.Marshal(fields)
	if err != nil { // raw messages that were just parsed marshal again
		return fmt.Appendf(nil, `{"$tb":%d}`, revision)
	}
	return out
}
