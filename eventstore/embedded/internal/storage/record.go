package storage

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// LinkType is the event type of a pointer to another event; its data is "revision@stream".
const LinkType = "$>"

// Event is what a caller proposes to append.
type Event struct {
	ID       uuid.UUID
	Type     string
	JSON     bool
	Data     []byte
	Metadata []byte
}

// Record is one stored event: a fixed header for filtering, then the fields of the protocol's RecordedEvent
// (event_store.client.streams.ReadResp.ReadEvent.RecordedEvent) except the id, already marshalled.
//
//	[0] format  [1] flags  [2:18] id  [18:26] revision  [26:34] created
//	[34:38] name offset  [38:42] name length  [42:46] type offset  [46:50] type length  [50:] body
//
// Offsets count from the start of the body. A Record taken from a scan is valid until the visit returns.
type Record []byte

const (
	recordFormat = 1
	headerLen    = 50
	flagLink     = 1
)

// Field numbers of RecordedEvent.
const (
	fieldStream   = 2
	fieldRevision = 3
	fieldPrepare  = 4
	fieldCommit   = 5
	fieldSystem   = 6
	fieldMetadata = 7
	fieldData     = 8
)

// ID is the event's id.
func (r Record) ID() uuid.UUID { return uuid.UUID(r[2:18]) }

// Revision is the event's number in its stream, from 0.
func (r Record) Revision() int64 { return int64(binary.BigEndian.Uint64(r[18:26])) }

// Created is when the event was committed.
func (r Record) Created() time.Time { return time.Unix(0, r.created()*100).UTC() }

// created counts 100 ns ticks since the Unix epoch.
func (r Record) created() int64 { return int64(binary.BigEndian.Uint64(r[26:34])) }

// Stream is the name of the event's stream.
func (r Record) Stream() []byte { return r.slice(34) }

// Type is the event's type.
func (r Record) Type() []byte { return r.slice(42) }

// IsLink reports whether the event points to another one.
func (r Record) IsLink() bool { return r[1]&flagLink != 0 }

// Body is the marshalled RecordedEvent without its id.
func (r Record) Body() []byte { return r[headerLen:] }

func (r Record) slice(at int) []byte {
	offset := headerLen + binary.BigEndian.Uint32(r[at:])
	return r[offset : offset+binary.BigEndian.Uint32(r[at+4:])]
}

// Data is the event's payload, nil when empty.
func (r Record) Data() []byte {
	body := r.Body()
	for len(body) > 0 {
		number, kind, n := protowire.ConsumeTag(body)
		if n < 0 {
			return nil
		}
		body = body[n:]
		if number == fieldData && kind == protowire.BytesType {
			data, _ := protowire.ConsumeBytes(body)
			return data
		}
		if n = protowire.ConsumeFieldValue(number, kind, body); n < 0 {
			return nil
		}
		body = body[n:]
	}
	return nil
}

// validate guards every later slice of the record.
func (r Record) validate() error {
	if len(r) < headerLen || r[0] != recordFormat {
		return fmt.Errorf("record of %d bytes has an unknown format", len(r))
	}
	body := uint64(len(r) - headerLen)
	for _, at := range []int{34, 42} {
		offset, length := binary.BigEndian.Uint32(r[at:]), binary.BigEndian.Uint32(r[at+4:])
		if uint64(offset)+uint64(length) > body {
			return fmt.Errorf("record of %d bytes points outside itself", len(r))
		}
	}
	return nil
}

// draft is an event marshalled as far as possible before its revision and position are known, so that the
// writer has little left to do.
type draft struct {
	id              uuid.UUID
	link            bool
	nameAt, nameLen uint32
	typeAt, typeLen uint32
	body            []byte
	data            []byte
}

func newDraft(stream string, e Event) draft {
	d := draft{id: e.ID, link: e.Type == LinkType, data: e.Data, nameLen: uint32(len(stream)), typeLen: uint32(len(e.Type))}
	body := make([]byte, 0, len(stream)+len(e.Type)+len(e.Metadata)+len(e.Data)+128)
	body = protowire.AppendTag(body, fieldStream, protowire.BytesType)
	body = protowire.AppendVarint(body, uint64(1+protowire.SizeBytes(len(stream))))
	body = protowire.AppendTag(body, 3, protowire.BytesType) // StreamIdentifier.stream_name
	body = protowire.AppendString(body, stream)
	d.nameAt = uint32(len(body) - len(stream))
	body = appendSystemEntry(body, "type", e.Type)
	d.typeAt = uint32(len(body) - len(e.Type))
	contentType := "application/octet-stream"
	if e.JSON {
		contentType = "application/json"
	}
	body = appendSystemEntry(body, "content-type", contentType)
	body = appendBytes(body, fieldMetadata, e.Metadata)
	d.body = appendBytes(body, fieldData, e.Data)
	return d
}

// appendSystemEntry appends one entry of the map of system metadata; the value comes last.
func appendSystemEntry(b []byte, key, value string) []byte {
	b = protowire.AppendTag(b, fieldSystem, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(2+protowire.SizeBytes(len(key))+protowire.SizeBytes(len(value))))
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendString(b, key)
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	return protowire.AppendString(b, value)
}

func appendBytes(b []byte, field protowire.Number, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, value)
}

func appendUint(b []byte, field protowire.Number, value uint64) []byte {
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, value)
}

// appendRecord appends the finished record to b.
func (d draft) appendRecord(b []byte, revision int64, position uint64, ticks int64) []byte {
	flags := byte(0)
	if d.link {
		flags |= flagLink
	}
	b = append(b, recordFormat, flags)
	b = append(b, d.id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(revision))
	b = binary.BigEndian.AppendUint64(b, uint64(ticks))
	for _, v := range [...]uint32{d.nameAt, d.nameLen, d.typeAt, d.typeLen} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	b = append(b, d.body...)
	b = appendUint(b, fieldRevision, uint64(revision))
	b = appendUint(b, fieldPrepare, position)
	b = appendUint(b, fieldCommit, position)
	return appendSystemEntry(b, "created", strconv.FormatInt(ticks, 10))
}
