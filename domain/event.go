package domain

import (
	"time"

	"github.com/google/uuid"
)

// Event is one fact of an aggregate. Its type is the stored, versioned name, such as "secret.ticket_linked.v1".
type Event interface {
	EventType() string
}

// PrivateSubject is implemented by events whose private text belongs to somebody other than the stream they are in.
// It returns the kind and the foreign id of that subject, of whose stream DirectoryStream makes the name.
type PrivateSubject interface {
	PrivateSubject() (kind, id string)
}

// Meta says under whose authority and in which course of events something was recorded.
type Meta struct {
	Workspace   uuid.UUID `json:"workspace"`
	Actor       Actor     `json:"actor"`
	Correlation uuid.UUID `json:"correlation"`
	Causation   uuid.UUID `json:"causation,omitzero"`
	Command     uuid.UUID `json:"command"`
}

// Recorded is an event as the log has it.
type Recorded struct {
	ID       uuid.UUID
	Stream   string
	Revision uint64 // 0 is the stream's first event
	Position uint64 // commit position in the whole log, strictly increasing with gaps
	At       time.Time
	Meta     Meta
	Event    Event
}

// EventID derives the id of a command's event with the given index, so that a retry of the command repeats it.
func EventID(command uuid.UUID, index int) uuid.UUID {
	return uuid.NewSHA1(command, []byte{byte(index >> 24), byte(index >> 16), byte(index >> 8), byte(index)})
}
