package esdb

import (
	"bytes"
	"slices"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// The client offers no choice of codec, so the one that gRPC knows by this name is replaced: it treats all messages but
// two as before.
func init() { encoding.RegisterCodecV2(codec{encoding.GetCodecV2(proto.Name)}) }

// codec is the protobuf codec, with a shorter way for what an append sends and for what a read or a subscription mostly receives:
// an event, without a link. Through reflection that costs more than sending, storing and opening it together.
type codec struct{ encoding.CodecV2 }

// Marshal gives the same message either way.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(*api.AppendReq); ok {
		if p := m.GetProposedMessage(); p != nil && plain(p) {
			return mem.BufferSlice{proposedMessage(p)}, nil
		}
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal gives the same message either way. Events may share metadata and names with those before: nobody changes them.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(*api.ReadResp); ok {
		buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
		defer buf.Free()
		if content := readEvent(buf); content != nil {
			m.Reset()
			m.Content = content
			return nil
		}
	}
	return c.CodecV2.Unmarshal(data, v)
}

func readEvent(buf mem.Buffer) *api.ReadResp_Event {
	r := readers.Get().(*reader)
	defer readers.Put(r)
	_, r.kept = buf.(mem.SliceBuffer) // which the transport does not use again
	return r.response(buf.ReadOnlyData())
}

var readers = sync.Pool{New: func() any { return &reader{} }}

// reader makes events of messages (streams.proto, shared.proto). Its methods return nil or false for what is not plain.
type reader struct {
	kept     bool       // the bytes of the message stay as they are
	room     []received // for the next events
	stream   []byte     // of the event before
	metadata metadata
}

// received is what an event consists of, so that it takes one piece of memory.
type received struct {
	content  api.ReadResp_Event
	read     api.ReadResp_ReadEvent
	position api.ReadResp_ReadEvent_CommitPosition
	event    api.ReadResp_ReadEvent_RecordedEvent
	id       shared.UUID
	idValue  shared.UUID_Structured_
	halves   shared.UUID_Structured
	stream   shared.StreamIdentifier
}

const roomFor = 16 // events at once

func (r *reader) next() *received {
	if len(r.room) == 0 {
		r.room = make([]received, roomFor)
	}
	e := &r.room[0]
	r.room = r.room[1:]
	return e
}

// response takes a ReadResp that is an event and nothing else.
func (r *reader) response(b []byte) *api.ReadResp_Event {
	f, rest := next(b)
	if f.number != 1 || f.bytes == nil || len(rest) > 0 {
		return nil
	}
	e := r.next()
	e.content.Event = &e.read
	for b := f.bytes; len(b) > 0; {
		f, b = next(b)
		switch {
		case f.number == 1 && f.bytes != nil && e.read.Event == nil:
			e.read.Event = &e.event
			if !r.recorded(e, f.bytes) {
				return nil
			}
		case f.number == 3 && f.bytes == nil:
			e.position.CommitPosition = f.varint
			e.read.Position = &e.position
		default:
			return nil
		}
	}
	if e.read.Event == nil {
		return nil
	}
	return &e.content
}

func (r *reader) recorded(e *received, b []byte) bool {
	r.metadata.begin()
	var f field
	for len(b) > 0 {
		before := b
		f, b = next(b)
		switch {
		case f.number == 3 && f.bytes == nil:
			e.event.StreamRevision = f.varint
		case f.number == 4 && f.bytes == nil:
			e.event.PreparePosition = f.varint
		case f.number == 5 && f.bytes == nil:
			e.event.CommitPosition = f.varint
		case f.bytes == nil:
			return false
		case f.number == 1 && e.event.Id == nil:
			if e.event.Id = &e.id; !identify(e, f.bytes) {
				return false
			}
		case f.number == 2 && e.event.StreamIdentifier == nil:
			if e.event.StreamIdentifier = &e.stream; !r.streamName(e, f.bytes) {
				return false
			}
		case f.number == 6:
			if !r.metadata.add(f.bytes) {
				return false
			}
		case !r.kept && f.number >= 7: // what follows is worth keeping
			b, r.kept = bytes.Clone(before), true
		case f.number == 7:
			e.event.CustomMetadata = f.bytes
		case f.number == 8:
			e.event.Data = f.bytes
		default:
			return false
		}
	}
	e.event.Metadata = r.metadata.end()
	return true
}

func (r *reader) streamName(e *received, b []byte) bool {
	f, rest := next(b)
	if f.number != 3 || f.bytes == nil || len(rest) > 0 {
		return false
	}
	if !bytes.Equal(f.bytes, r.stream) {
		r.stream = bytes.Clone(f.bytes)
	}
	e.stream.StreamName = r.stream
	return true
}

func identify(e *received, b []byte) bool {
	e.id.Value, e.idValue.Structured = &e.idValue, &e.halves
	f, rest := next(b)
	if f.number != 1 || f.bytes == nil || len(rest) > 0 {
		return false
	}
	for b = f.bytes; len(b) > 0; {
		f, b = next(b)
		switch {
		case f.number == 1 && f.bytes == nil:
			e.halves.MostSignificantBits = int64(f.varint)
		case f.number == 2 && f.bytes == nil:
			e.halves.LeastSignificantBits = int64(f.varint)
		default:
			return false
		}
	}
	return true
}

// field is one of a message: bytes, never nil, or else a varint. Its number is 0 if there is none, or one of another kind, or if
// the message is malformed.
type field struct {
	number protowire.Number
	bytes  []byte
	varint uint64
}

// next takes the first field of a message.
func next(b []byte) (f field, rest []byte) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 {
		return field{}, nil
	}
	b = b[n:]
	switch kind {
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b)
		f.bytes = slices.Clip(f.bytes)
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(b)
	default:
		return field{}, nil
	}
	if n < 0 {
		return field{}, nil
	}
	f.number = number
	return f, b[n:]
}
