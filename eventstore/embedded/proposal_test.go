package embedded

import (
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// Whichever way an event is read, it is the one that was proposed, also once the transport uses its buffer again.
func TestProposalsAreReadAsProtobufReadsThem(t *testing.T) {
	id := uuid.New()
	message := func(change func(m *api.AppendReq_ProposedMessage)) *api.AppendReq {
		m := &api.AppendReq_ProposedMessage{Id: &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}},
			Metadata:       map[string]string{"type": "thing.made.v1", "content-type": "application/json"},
			CustomMetadata: []byte(`{"by":"me"}`), Data: []byte(`{"n":1}`)}
		change(m)
		return &api.AppendReq{Content: &api.AppendReq_ProposedMessage_{ProposedMessage: m}}
	}
	for name, test := range map[string]struct {
		plain  bool
		change func(m *api.AppendReq_ProposedMessage)
	}{
		"as clients send it": {true, func(*api.AppendReq_ProposedMessage) {}},
		"large":              {true, func(m *api.AppendReq_ProposedMessage) { m.Data = []byte(strings.Repeat("x", 100_000)) }},
		"empty":              {true, func(m *api.AppendReq_ProposedMessage) { m.Data, m.CustomMetadata = nil, nil }},
		"binary":             {true, func(m *api.AppendReq_ProposedMessage) { m.Metadata["content-type"] = "application/octet-stream" }},
		"with more metadata": {false, func(m *api.AppendReq_ProposedMessage) { m.Metadata["more"] = "x" }},
		"an id in halves": {false, func(m *api.AppendReq_ProposedMessage) {
			most, least := halves(id)
			m.Id = &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
				MostSignificantBits: int64(most), LeastSignificantBits: int64(least)}}}
		}},
		"an id that is none": {false, func(m *api.AppendReq_ProposedMessage) { m.Id.Value = &shared.UUID_String_{String_: "x"} }},
		"no id":              {false, func(m *api.AppendReq_ProposedMessage) { m.Id = nil }},
		"no type":            {false, func(m *api.AppendReq_ProposedMessage) { delete(m.Metadata, "type") }},
		"no content type":    {false, func(m *api.AppendReq_ProposedMessage) { delete(m.Metadata, "content-type") }},
	} {
		t.Run(name, func(t *testing.T) {
			req := message(test.change)
			m := req.GetProposedMessage()
			want, wanted := newEvent(m.GetId(), m.GetMetadata(), m.GetData(), m.GetCustomMetadata())
			encoded, err := proto.Marshal(req)
			require.NoError(t, err)
			for _, again := range []bool{false, true} {
				pooled := append(make([]byte, 0, 2048+len(encoded)), encoded...)
				buf := mem.NewBuffer(&pooled, mem.NopBufferPool{})
				if !again {
					buf = mem.SliceBuffer(encoded)
				}
				var got proposal
				require.NoError(t, newFrameCodec().Unmarshal(mem.BufferSlice{buf}, &got))
				require.Equal(t, test.plain, got.message == nil)
				clear(pooled)
				e, err := got.event()
				require.Equal(t, wanted, err)
				require.Equal(t, want, e)
			}
		})
	}
	var got proposal
	require.Error(t, newFrameCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer("\xff\xff")}, &got))
}
