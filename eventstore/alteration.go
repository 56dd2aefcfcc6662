package eventstore

import (
	"encoding/json"
	"math"
	"strings"
	"time"
)

// AlterationKind says what was done to the log itself. The product does none of these.
type AlterationKind string

// The kinds. Deleted and Truncated take events out of sight; a later Scavenging removes them from the disk.
const (
	Deleted         AlterationKind = "deleted"          // a stream, softly or for good
	Truncated       AlterationKind = "truncated"        // a stream: by $tb, $maxCount or $maxAge
	MetadataChanged AlterationKind = "metadata_changed" // of a stream: such as who may write to it
	AccessChanged   AlterationKind = "access_changed"   // to the log: its settings, or metadata of a system stream
	Scavenging      AlterationKind = "scavenging"       // was started
)

// AlterationKinds are all of them.
var AlterationKinds = []AlterationKind{Deleted, Truncated, MetadataChanged, AccessChanged, Scavenging}

// Hides tells whether events of the product may be out of sight because of it.
func (k AlterationKind) Hides() bool { return k == Deleted || k == Truncated }

// Alteration is a record of something that was done to the log itself, as opposed to what was appended to it.
type Alteration struct {
	Kind     AlterationKind
	Stream   string // which it concerns
	Position Position
	At       time.Time
}

// The system's own event types and streams, as EventStoreDB names them.
const (
	metadataType    = "$metadata"
	tombstoneType   = "$streamDeleted"
	scavengeType    = "$scavengeStarted"
	settingsStream  = "$settings"
	metadataStreams = "$$"
)

// AlterationOf reads a system event. ok is false for one that alters nothing.
func AlterationOf(r Record) (a Alteration, ok bool) {
	a = Alteration{Stream: r.Stream, Position: r.Position, At: r.At}
	owner, isMetadata := strings.CutPrefix(r.Stream, metadataStreams)
	switch {
	case r.Type == tombstoneType && !strings.HasPrefix(r.Stream, "$"):
		a.Kind = Deleted
	case r.Type == scavengeType:
		a.Kind = Scavenging
	case r.Stream == settingsStream:
		a.Kind = AccessChanged
	case r.Type == metadataType && isMetadata && strings.HasPrefix(owner, "$"):
		a.Kind, a.Stream = AccessChanged, owner
	case r.Type == metadataType && isMetadata:
		a.Kind, a.Stream = effectOf(r.Data), owner
	default:
		return Alteration{}, false
	}
	return a, true
}

// effectOf tells what new metadata do to a stream. Those that cannot be read change something nobody knows.
func effectOf(metadata []byte) AlterationKind {
	var m struct {
		Before   *json.Number `json:"$tb"`
		MaxCount *json.Number `json:"$maxCount"`
		MaxAge   *json.Number `json:"$maxAge"`
	}
	if err := json.Unmarshal(metadata, &m); err != nil {
		return MetadataChanged
	}
	if m.Before != nil {
		if before, err := m.Before.Int64(); err == nil && before == math.MaxInt64 {
			return Deleted
		}
	}
	if m.Before != nil && *m.Before != "0" || m.MaxCount != nil || m.MaxAge != nil {
		return Truncated
	}
	return MetadataChanged
}
