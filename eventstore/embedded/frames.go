package embedded

import (
	"encoding/binary"
	"sync"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
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

// chunk collects marshalled responses, so that a view is held only while copying out of it and never while a slow client
// takes its time.
type chunk struct {
	frames []mem.Buffer
	bytes  int  // of memory
	text   bool // the client wants ids as text
}

func newChunk(text bool) *chunk { return &chunk{text: text} }

func (c *chunk) full() bool { return c.bytes >= chunkBytes || len(c.frames) >= chunkFrames }

// add adds a response whose only field is a message of size bytes, which write appends.
func (c *chunk) add(field protowire.Number, size int, write func(b []byte) []byte) {
	buf := frames.Get(protowire.SizeTag(field) + protowire.SizeBytes(size))
	b := protowire.AppendTag((*buf)[:0], field, protowire.BytesType)
	*buf = write(protowire.AppendVarint(b, uint64(size)))
	c.frames = append(c.frames, mem.NewBuffer(buf, frames))
	c.bytes += cap(*buf)
}

// event adds an event; a resolved link comes with the event it points to, or nil when that is gone.
func (c *chunk) event(position uint64, event, link storage.Record) {
	size := c.recordSize(eventRecorded, event) + c.recordSize(eventLink, link)
	size += protowire.SizeTag(eventCommit) + protowire.SizeVarint(position)
	c.add(respEvent, size, func(b []byte) []byte {
		b = c.record(b, eventRecorded, event)
		b = c.record(b, eventLink, link)
		b = protowire.AppendTag(b, eventCommit, protowire.VarintType)
		return protowire.AppendVarint(b, position)
	})
}

// checkpoint adds a position up to which a filtered subscription has considered everything.
func (c *chunk) checkpoint(position uint64) {
	size := 2 * (1 + protowire.SizeVarint(position))
	c.add(respCheckpoint, size, func(b []byte) []byte {
		for field := protowire.Number(1); field <= 2; field++ {
			b = protowire.AppendTag(b, field, protowire.VarintType)
			b = protowire.AppendVarint(b, position)
		}
		return b
	})
}

func (c *chunk) recordSize(field protowire.Number, r storage.Record) int {
	if r == nil {
		return 0
	}
	return protowire.SizeTag(field) + protowire.SizeBytes(idSize(r.ID(), c.text)+len(r.Body()))
}

func (c *chunk) record(b []byte, field protowire.Number, r storage.Record) []byte {
	if r == nil {
		return b
	}
	id := r.ID()
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(idSize(id, c.text)+len(r.Body())))
	b = appendID(b, id, c.text)
	return append(b, r.Body()...)
}

// send writes out the responses in order and empties the chunk.
func (c *chunk) send(stream grpc.ServerStream) error {
	defer c.reset()
	for i, f := range c.frames {
		c.frames[i] = nil // SendMsg frees it
		if err := stream.SendMsg(f); err != nil {
			return err
		}
	}
	return nil
}

func (c *chunk) reset() {
	for _, f := range c.frames {
		if f != nil {
			f.Free()
		}
	}
	c.frames, c.bytes = c.frames[:0], 0
}

// frames are buffers of responses. The transport gives them back once they are written.
var frames = &framePool{pool: sync.Pool{New: func() any { return new([]byte) }}}

// framePool is a pool of buffers that are handed out as they are: filling a new one, or clearing an old one, costs as much as
// sending it.
type framePool struct{ pool sync.Pool }

const (
	smallestFrame = 1152 // gRPC gives those back that have room for more than 1,024 bytes
	largestFrame  = 64 << 10
)

// Get returns a buffer of some length, with room for size bytes.
func (p *framePool) Get(size int) *[]byte {
	buf := p.pool.Get().(*[]byte)
	if cap(*buf) < size {
		*buf = make([]byte, 0, max(size, smallestFrame))
	}
	return buf
}

// Put takes a buffer back. One that is unusually large is left to the garbage collector.
func (p *framePool) Put(buf *[]byte) {
	if cap(*buf) <= largestFrame {
		p.pool.Put(buf)
	}
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
