package esdb

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// The client offers no choice of codec, so the one that gRPC knows by this name is replaced: it treats all messages but
// one as before.
func init() { encoding.RegisterCodecV2(codec{encoding.GetCodecV2(proto.Name)}) }

// codec is the protobuf codec, with a shorter way for what a read or a subscription mostly receives: an event without a
// link. Receiving it through reflection costs more than sending, storing and opening it together.
type codec struct{ encoding.CodecV2 }

// Unmarshal gives the same message either way.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(*api.ReadResp); ok {
		buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
		defer buf.Free()
		if content := readEvent(buf.ReadOnlyData()); content != nil {
			m.Reset()
			m.Content = content
			return nil
		}
	}
	return c.CodecV2.Unmarshal(data, v)
}

// received is what an event consists of, so that it takes one piece of memory. Its methods take the fields of its messages
// (streams.proto, shared.proto), and are false for one that is not plain.
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

// readEvent returns the content of a ReadResp that is a plain event, nil for any other.
func readEvent(b []byte) *api.ReadResp_Event {
	r := &received{}
	if !fields(b, r.response) || r.read.Event == nil {
		return nil
	}
	return &r.content
}

func (r *received) response(f field) bool {
	if f.number != 1 || f.bytes == nil || r.content.Event != nil {
		return false
	}
	r.content.Event = &r.read
	return fields(f.bytes, r.resolved)
}

func (r *received) resolved(f field) bool {
	switch {
	case f.number == 1 && f.bytes != nil && r.read.Event == nil:
		r.read.Event = &r.event
		return fields(bytes.Clone(f.bytes), r.recorded) // what was received belongs to the transport
	case f.number == 3 && f.bytes == nil:
		r.position.CommitPosition = f.varint
		r.read.Position = &r.position
		return true
	}
	return false
}

func (r *received) recorded(f field) bool {
	e := &r.event
	if f.bytes == nil {
		switch f.number {
		case 3:
			e.StreamRevision = f.varint
		case 4:
			e.PreparePosition = f.varint
		case 5:
			e.CommitPosition = f.varint
		default:
			return false
		}
		return true
	}
	switch f.number {
	case 1:
		e.Id = &r.id
		return fields(f.bytes, r.uuid)
	case 2:
		e.StreamIdentifier = &r.stream
		return fields(f.bytes, r.streamName)
	case 6:
		return r.metadata(f.bytes)
	case 7:
		e.CustomMetadata = f.bytes
	case 8:
		e.Data = f.bytes
	default:
		return false
	}
	return true
}

func (r *received) streamName(f field) bool {
	r.stream.StreamName = f.bytes
	return f.number == 3 && f.bytes != nil
}

func (r *received) uuid(f field) bool {
	r.id.Value, r.idValue.Structured = &r.idValue, &r.halves
	return f.number == 1 && f.bytes != nil && fields(f.bytes, r.half)
}

func (r *received) half(f field) bool {
	switch {
	case f.number == 1 && f.bytes == nil:
		r.halves.MostSignificantBits = int64(f.varint)
	case f.number == 2 && f.bytes == nil:
		r.halves.LeastSignificantBits = int64(f.varint)
	default:
		return false
	}
	return true
}

// metadata takes one of those that the server makes: type, content type and time.
func (r *received) metadata(entry []byte) bool {
	var pair [2]string
	plain := fields(entry, func(f field) bool {
		if f.bytes == nil || f.number > 2 || !utf8.Valid(f.bytes) {
			return false
		}
		pair[f.number-1] = text(f.bytes)
		return true
	})
	if r.event.Metadata == nil {
		r.event.Metadata = make(map[string]string, 3)
	}
	r.event.Metadata[pair[0]] = pair[1]
	return plain
}

// text returns a text of metadata. Those that all events have take no memory.
func text(b []byte) string {
	for _, usual := range [...]string{"type", "content-type", "created", "application/json"} {
		if string(b) == usual {
			return usual
		}
	}
	return string(b)
}

// field is one of a message: bytes, never nil, or else a varint.
type field struct {
	number protowire.Number
	bytes  []byte
	varint uint64
}

// fields passes the fields of a message on. It stops and is false at one of another kind, at what is malformed, and when
// take is false.
func fields(b []byte, take func(field) bool) bool {
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return false
		}
		b = b[size:]
		f := field{number: number}
		switch kind {
		case protowire.BytesType:
			f.bytes, size = protowire.ConsumeBytes(b)
			f.bytes = slices.Clip(f.bytes)
		case protowire.VarintType:
			f.varint, size = protowire.ConsumeVarint(b)
		default:
			return false
		}
		if size < 0 || !take(f) {
			return false
		}
		b = b[size:]
	}
	return true
}
