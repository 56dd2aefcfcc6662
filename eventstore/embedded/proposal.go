package embedded

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// proposal is the message of an append that has an event, for RecvMsg. One as the official clients send it is read without
// protobuf's reflection, which takes longer than storing it; every other one is left to protobuf.
type proposal struct {
	plain   storage.Event
	message *api.AppendReq // nil if plain is the event
}

// overhead is what a message has at most besides what eventSize counts. Of a larger one, protobuf keeps only what is the event's.
const overhead = 256

// receive reads a message.
func (p *proposal) receive(c encoding.CodecV2, data mem.BufferSlice) error {
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	if b := buf.ReadOnlyData(); p.read(b) && len(b) <= eventSize(p.plain)+overhead {
		if _, kept := buf.(mem.SliceBuffer); !kept { // the transport will use it again
			p.plain.Data, p.plain.Metadata = bytes.Clone(p.plain.Data), bytes.Clone(p.plain.Metadata)
		}
		return nil
	}
	p.message = &api.AppendReq{}
	return c.Unmarshal(data, p.message)
}

// event returns the event, or a status if there is none that can be stored.
func (p *proposal) event() (storage.Event, error) {
	if p.message == nil {
		return p.plain, nil
	}
	m := p.message.GetProposedMessage()
	return newEvent(m.GetId(), m.GetMetadata(), m.GetData(), m.GetCustomMetadata())
}

// read reads an AppendReq that is nothing but a whole ProposedMessage (streams.proto), and keeps parts of b.
func (p *proposal) read(b []byte) bool {
	number, b, rest := nextBytes(b)
	if number != 2 || len(rest) > 0 {
		return false
	}
	contentType := ""
	for seen := [5]bool{}; len(b) > 0; seen[number] = true {
		var value []byte
		number, value, b = nextBytes(b)
		switch {
		case number < 1 || number > 4 || seen[number] && number != 2:
			return false
		case number == 1:
			if !readID(&p.plain.ID, value) {
				return false
			}
		case number == 2:
			if !p.metadata(value, &contentType) {
				return false
			}
		case number == 3:
			p.plain.Metadata = value
		case number == 4:
			p.plain.Data = value
		}
	}
	p.plain.JSON = contentType == "application/json"
	return p.plain.ID != uuid.Nil && p.plain.Type != "" && contentType != ""
}

// metadata reads an entry of the event's type or content type.
func (p *proposal) metadata(b []byte, contentType *string) bool {
	first, name, b := nextBytes(b)
	second, value, rest := nextBytes(b)
	if first != 1 || second != 2 || len(rest) > 0 || !utf8.Valid(value) {
		return false
	}
	switch string(name) {
	case "type":
		p.plain.Type = string(value)
	case "content-type":
		*contentType = string(value)
	default:
		return false
	}
	return true
}

// readID reads a UUID message in halves, as the Go client sends it, or as text, as others do.
func readID(id *uuid.UUID, b []byte) bool {
	number, value, rest := nextBytes(b)
	if number == 2 {
		var err error
		*id, err = uuid.ParseBytes(value)
		return err == nil && len(value) == textIDSize && len(rest) == 0
	}
	if number != 1 || len(rest) > 0 {
		return false
	}
	for len(value) > 0 {
		number, kind, n := protowire.ConsumeTag(value)
		if n < 0 || kind != protowire.VarintType || number < 1 || number > 2 {
			return false
		}
		bits, m := protowire.ConsumeVarint(value[n:])
		if m < 0 {
			return false
		}
		binary.BigEndian.PutUint64(id[8*(number-1):], bits)
		value = value[n+m:]
	}
	return true
}

// nextBytes takes the first field of a message. Its number is 0 if there is none, or one that is not of bytes.
func nextBytes(b []byte) (number protowire.Number, value, rest []byte) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 || kind != protowire.BytesType {
		return 0, nil, nil
	}
	value, m := protowire.ConsumeBytes(b[n:])
	if m < 0 {
		return 0, nil, nil
	}
	return number, value[:len(value):len(value)], b[n+m:]
}
