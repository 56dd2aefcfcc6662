package embedded

import (
	"encoding/binary"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

const (
	chunkBytes  = 256 << 10
	chunkFrames = 512
)

// Field numbers of ReadResp and its parts.
const (
	respEvent      = 1
	respCheckpoint = 3
	eventRecorded  = 1
	eventLink      = 2
	eventCommit    = 3
	recordedID     = 1
)

// chunk collects marshalled responses in one buffer, so that a view is held only while copying out of it and
// never while a slow client takes its time. A chunk is sent once: the transport keeps referring to its bytes.
type chunk struct {
	buf  []byte
	ends []int
	room int  // how much to have room for once there is something
	text bool // the client wants ids as text
}

func newChunk(text bool) *chunk { return &chunk{text: text, room: 4 << 10} }

// next is an empty chunk. Once there is something, it takes about as much room as the last one that had something: of one
// read, chunks are alike.
func (c *chunk) next() *chunk {
	n := &chunk{text: c.text, room: c.room}
	if len(c.buf) > 0 {
		n.room = len(c.buf) + len(c.buf)/8
	}
	return n
}

func (c *chunk) full() bool { return len(c.buf) >= chunkBytes || len(c.ends) >= chunkFrames }

// event adds an event; a resolved link comes with the event it points to, or nil when that is gone.
func (c *chunk) event(position uint64, event, link storage.Record) {
	size := c.recordSize(eventRecorded, event) + c.recordSize(eventLink, link)
	size += protowire.SizeTag(eventCommit) + protowire.SizeVarint(position)
	c.grow(size + 16)
	c.buf = protowire.AppendTag(c.buf, respEvent, protowire.BytesType)
	c.buf = protowire.AppendVarint(c.buf, uint64(size))
	c.record(eventRecorded, event)
	c.record(eventLink, link)
	c.buf = protowire.AppendTag(c.buf, eventCommit, protowire.VarintType)
	c.buf = protowire.AppendVarint(c.buf, position)
	c.ends = append(c.ends, len(c.buf))
}

// checkpoint adds a position up to which a filtered subscription has considered everything.
func (c *chunk) checkpoint(position uint64) {
	size := 2 * (1 + protowire.SizeVarint(position))
	c.buf = protowire.AppendTag(c.buf, respCheckpoint, protowire.BytesType)
	c.buf = protowire.AppendVarint(c.buf, uint64(size))
	for field := protowire.Number(1); field <= 2; field++ {
		c.buf = protowire.AppendTag(c.buf, field, protowire.VarintType)
		c.buf = protowire.AppendVarint(c.buf, position)
	}
	c.ends = append(c.ends, len(c.buf))
}

func (c *chunk) grow(n int) {
	if c.buf == nil {
		c.buf = make([]byte, 0, max(n, c.room))
	}
}

func (c *chunk) recordSize(field protowire.Number, r storage.Record) int {
	if r == nil {
		return 0
	}
	return protowire.SizeTag(field) + protowire.SizeBytes(idSize(r.ID(), c.text)+len(r.Body()))
}

func (c *chunk) record(field protowire.Number, r storage.Record) {
	if r == nil {
		return
	}
	id := r.ID()
	c.buf = protowire.AppendTag(c.buf, field, protowire.BytesType)
	c.buf = protowire.AppendVarint(c.buf, uint64(idSize(id, c.text)+len(r.Body())))
	c.buf = appendID(c.buf, id, c.text)
	c.buf = append(c.buf, r.Body()...)
}

// send writes out the chunk's frames in order.
func (c *chunk) send(stream grpc.ServerStream) error {
	start := 0
	for _, end := range c.ends {
		f := frame(c.buf[start:end:end])
		if err := stream.SendMsg(&f); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// The id is the field RecordedEvent.id holding a UUID message: structured (field 1: most and least
// significant bits) or as text (field 2).
const textIDSize = 36

func structuredSize(most, least uint64) int {
	return 2 + protowire.SizeVarint(most) + protowire.SizeVarint(least)
}

func idSize(id uuid.UUID, text bool) int {
	if text {
		return 2 + 2 + textIDSize
	}
	return 2 + 2 + structuredSize(halves(id))
}

func appendID(b []byte, id uuid.UUID, text bool) []byte {
	b = protowire.AppendTag(b, recordedID, protowire.BytesType)
	if text {
		b = append(b, 2+textIDSize)
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		return protowire.AppendString(b, id.String())
	}
	most, least := halves(id)
	size := structuredSize(most, least)
	b = append(b, byte(2+size))
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = append(b, byte(size))
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, most)
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	return protowire.AppendVarint(b, least)
}

func halves(id uuid.UUID) (most, least uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
}
