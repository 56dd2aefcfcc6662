package embedded

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that frameCodec extends
	"google.golang.org/grpc/mem"
)

// frameCodec is the protobuf codec that also sends a mem.Buffer, which it owns from then on: reads send stored bytes as they
// are instead of building messages first. And it receives a *proposal.
type frameCodec struct{ encoding.CodecV2 }

func newFrameCodec() frameCodec { return frameCodec{encoding.GetCodecV2("proto")} }

func (c frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	if frame, ok := v.(mem.Buffer); ok {
		return mem.BufferSlice{frame}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if p, ok := v.(*proposal); ok {
		return p.receive(c.CodecV2, data)
	}
	return c.CodecV2.Unmarshal(data, v)
}
