package esdb

import (
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// response is an event as servers send it.
func response() *api.ReadResp {
	return &api.ReadResp{Content: &api.ReadResp_Event{Event: &api.ReadResp_ReadEvent{
		Event: &api.ReadResp_ReadEvent_RecordedEvent{
			Id:               &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{MostSignificantBits: -3, LeastSignificantBits: 4}}},
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("secret-1")}, StreamRevision: 5, PreparePosition: 6, CommitPosition: 6,
			Metadata:       map[string]string{"type": "secret.created.v1", "content-type": "application/json", "created": "17000000000000000"},
			CustomMetadata: []byte(`{"workspace":"w"}`), Data: []byte(`{"name":"n"}`)},
		Position: &api.ReadResp_ReadEvent_CommitPosition{CommitPosition: 6}}}}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	require.NoError(t, err)
	return b
}

const pooled = 1 << 10 // bytes above which the transport uses buffers again

// decode decodes from a buffer that the transport uses again afterwards.
func decode(b []byte) (*api.ReadResp, error) {
	var got api.ReadResp
	again := append(make([]byte, 0, pooled+len(b)+1), b...)
	err := encoding.GetCodecV2("proto").Unmarshal(mem.BufferSlice{mem.NewBuffer(&again, mem.NopBufferPool{})}, &got)
	clear(again)
	return &got, err
}

// decodeKept decodes from a buffer that the transport lets go of.
func decodeKept(b []byte) (*api.ReadResp, error) {
	var got api.ReadResp
	return &got, encoding.GetCodecV2("proto").Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, &got)
}

func TestEventsAreReadAsProtobufReadsThem(t *testing.T) {
	plain := response()
	require.NotNil(t, readEvent(mem.SliceBuffer(marshal(t, plain))), "the shorter way is taken")
	linked := response()
	linked.GetEvent().Link = linked.GetEvent().Event
	text := response()
	text.GetEvent().Event.Id = &shared.UUID{Value: &shared.UUID_String_{String_: "x"}}
	none := response()
	none.GetEvent().Position = &api.ReadResp_ReadEvent_NoPosition{NoPosition: &shared.Empty{}}
	for name, m := range map[string]*api.ReadResp{"plain": plain, "linked": linked, "an id as text": text, "without position": none,
		"empty": {}, "empty event": {Content: &api.ReadResp_Event{Event: &api.ReadResp_ReadEvent{}}},
		"checkpoint": {Content: &api.ReadResp_Checkpoint_{Checkpoint: &api.ReadResp_Checkpoint{CommitPosition: 7}}}} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(marshal(t, m))
			require.NoError(t, err)
			require.True(t, proto.Equal(m, got), "%v\n%v", m, got)
		})
	}
	_, err := decode([]byte(strings.Repeat("\xff", 20)))
	require.Error(t, err)
}

func FuzzEventsAreReadAsProtobufReadsThem(f *testing.F) {
	f.Add(marshal(f, response()))
	f.Fuzz(func(t *testing.T, b []byte) {
		var want api.ReadResp
		wanted := proto.Unmarshal(b, &want)
		got, err := decode(b)
		require.Equal(t, wanted == nil, err == nil)
		if err == nil {
			require.True(t, proto.Equal(&want, got), "%v\n%v", &want, got)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	encoded := marshal(b, response())
	for name, codec := range map[string]func(m *api.ReadResp) error{
		"protobuf": func(m *api.ReadResp) error { return proto.Unmarshal(encoded, m) },
		"ours": func(m *api.ReadResp) error {
			return encoding.GetCodecV2("proto").Unmarshal(mem.BufferSlice{mem.SliceBuffer(encoded)}, m)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, codec(&api.ReadResp{}))
			}
		})
	}
}
