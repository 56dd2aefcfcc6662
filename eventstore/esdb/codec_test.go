package esdb

import (
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
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

// asServed is the response as the embedded server sends it: the time of the commit comes last.
func asServed() []byte {
	text := func(b []byte, number protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), s)
	}
	number := func(b []byte, number protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
	}
	entry := func(b []byte, name, value string) []byte {
		return text(b, 6, string(text(text(nil, 1, name), 2, value)))
	}
	b := text(nil, 1, string(text(nil, 1, string(number(number(nil, 1, 1<<64-3), 2, 4)))))
	b = entry(entry(text(b, 2, string(text(nil, 3, "secret-1"))), "type", "secret.created.v1"), "content-type", "application/json")
	b = text(text(b, 7, `{"workspace":"w"}`), 8, `{"name":"n"}`)
	b = entry(number(number(number(b, 3, 5), 4, 6), 5, 6), "created", "17000000000000000")
	return text(nil, 1, string(number(text(nil, 1, string(b)), 3, 6)))
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
	require.NotNil(t, readEvent(mem.SliceBuffer(asServed())), "nor does the order matter")
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
			for _, decode := range []func([]byte) (*api.ReadResp, error){decode, decodeKept} {
				got, err := decode(marshal(t, m))
				require.NoError(t, err)
				require.True(t, proto.Equal(m, got), "%v\n%v", m, got)
			}
		})
	}
	got, err := decode(asServed())
	require.NoError(t, err)
	require.True(t, proto.Equal(plain, got), "%v\n%v", plain, got)
	_, err = decode([]byte(strings.Repeat("\xff", 20)))
	require.Error(t, err)
}

func TestMetadataOfTheEventBeforeDoNotGetIntoOthers(t *testing.T) {
	with := func(pairs ...string) *api.ReadResp {
		r := response()
		r.GetEvent().Event.Metadata = map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			r.GetEvent().Event.Metadata[pairs[i]] = pairs[i+1]
		}
		return r
	}
	unknown := with("type", "b", "created", "2") // what is read of it is not what the next event is compared with
	unknown.GetEvent().Event.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 9, protowire.VarintType), 1))
	broken := marshal(t, unknown)
	require.Nil(t, readEvent(mem.SliceBuffer(broken)))
	var m []*api.ReadResp
	for _, r := range []*api.ReadResp{with("type", "a", "created", "1"), with("type", "a", "created", "1"), with("type", "a"), with(),
		with("type", "a", "created", "1"), with("type", "b", "created", "1"), with("type", "b", "created", "2"), with("created", "2")} {
		_, err := decode(broken)
		require.NoError(t, err)
		got, err := decode(marshal(t, r))
		require.NoError(t, err)
		require.True(t, proto.Equal(r, got), "%v\n%v", r, got)
		m = append(m, got)
	}
	require.Equal(t, map[string]string{"type": "a", "created": "1"}, m[0].GetEvent().Event.Metadata, "nor into those before")

	var r reader // which meets two events in the same buffer of the transport
	buf := marshal(t, with("type", "a"))
	first := r.response(buf)
	copy(buf, marshal(t, with("type", "b")))
	require.Equal(t, map[string]string{"type": "b"}, r.response(buf).Event.Event.Metadata)
	require.Equal(t, map[string]string{"type": "a"}, first.Event.Event.Metadata)

	other := response()
	other.GetEvent().Event.StreamIdentifier.StreamName = []byte("secret-2")
	_, err := decode(marshal(t, other))
	require.NoError(t, err)
	require.Equal(t, "secret-1", string(m[0].GetEvent().Event.StreamIdentifier.StreamName))
}

func FuzzEventsAreReadAsProtobufReadsThem(f *testing.F) {
	f.Add(marshal(f, response()))
	f.Add(asServed())
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
	encoded := asServed()
	for name, codec := range map[string]func(m *api.ReadResp) error{
		"protobuf": func(m *api.ReadResp) error { return proto.Unmarshal(encoded, m) },
		"ours": func(m *api.ReadResp) error {
			return encoding.GetCodecV2("proto").Unmarshal(mem.BufferSlice{mem.SliceBuffer(encoded)}, m)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if codec(&api.ReadResp{}) != nil {
					b.Fatal("not decoded")
				}
			}
		})
	}
}
