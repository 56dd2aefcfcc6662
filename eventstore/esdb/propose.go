package esdb

import (
	"unicode/utf8"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// plain tells whether proposedMessage can write an event: as the client makes them.
func plain(p *api.AppendReq_ProposedMessage) bool {
	for name, value := range p.GetMetadata() {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return false
		}
	}
	return p.GetId().GetStructured() != nil
}

// proposedMessage writes an AppendReq with an event (streams.proto, shared.proto).
func proposedMessage(p *api.AppendReq_ProposedMessage) mem.Buffer {
	size := bytesSize(bytesSize(halvesSize(p.GetId().GetStructured())))
	for name, value := range p.GetMetadata() {
		size += bytesSize(bytesSize(len(name)) + bytesSize(len(value)))
	}
	for _, bytes := range [...][]byte{p.GetCustomMetadata(), p.GetData()} {
		if len(bytes) > 0 {
			size += bytesSize(len(bytes))
		}
	}
	total, pool := bytesSize(size), mem.DefaultBufferPool()
	if mem.IsBelowBufferPoolingThreshold(total) {
		return mem.SliceBuffer(appendProposed(make([]byte, 0, total), size, p))
	}
	buf := pool.Get(total)
	*buf = appendProposed((*buf)[:0], size, p)
	return mem.NewBuffer(buf, pool)
}

// appendProposed appends it: a field whose message has size bytes.
func appendProposed(b []byte, size int, p *api.AppendReq_ProposedMessage) []byte {
	b = startBytes(b, 2, size)
	id := p.GetId().GetStructured()
	b = startBytes(startBytes(b, 1, bytesSize(halvesSize(id))), 1, halvesSize(id))
	for i, half := range halves(id) {
		b = protowire.AppendTag(b, protowire.Number(1+i), protowire.VarintType)
		b = protowire.AppendVarint(b, half)
	}
	for name, value := range p.GetMetadata() {
		b = startBytes(b, 2, bytesSize(len(name))+bytesSize(len(value)))
		b = append(startBytes(b, 1, len(name)), name...)
		b = append(startBytes(b, 2, len(value)), value...)
	}
	if m := p.GetCustomMetadata(); len(m) > 0 {
		b = append(startBytes(b, 3, len(m)), m...)
	}
	if d := p.GetData(); len(d) > 0 {
		b = append(startBytes(b, 4, len(d)), d...)
	}
	return b
}

func halves(id *shared.UUID_Structured) [2]uint64 {
	return [...]uint64{uint64(id.GetMostSignificantBits()), uint64(id.GetLeastSignificantBits())}
}

func halvesSize(id *shared.UUID_Structured) (size int) {
	for _, half := range halves(id) {
		size += 1 + protowire.SizeVarint(half)
	}
	return size
}

// bytesSize is the size of a field of bytes whose number is below 16.
func bytesSize(length int) int { return 1 + protowire.SizeBytes(length) }

// startBytes begins a field of bytes.
func startBytes(b []byte, number protowire.Number, length int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.BytesType), uint64(length))
}
