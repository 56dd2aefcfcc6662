package embedded

import (
	"net"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
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
		"an event": {true, func(*api.AppendReq_ProposedMessage) {}},
		"large":    {true, func(m *api.AppendReq_ProposedMessage) { m.Data = []byte(strings.Repeat("x", 100_000)) }},
		"empty":    {true, func(m *api.AppendReq_ProposedMessage) { m.Data, m.CustomMetadata = nil, nil }},
		"binary":   {true, func(m *api.AppendReq_ProposedMessage) { m.Metadata["content-type"] = "application/octet-stream" }},
		"much besides the event": {false, func(m *api.AppendReq_ProposedMessage) {
			m.Metadata["content-type"] = strings.Repeat("x", 1000) // which must not be kept with it
		}},
		"with more metadata": {false, func(m *api.AppendReq_ProposedMessage) { m.Metadata["more"] = "x" }},
		"an id in halves": {true, func(m *api.AppendReq_ProposedMessage) {
			most, least := halves(id)
			m.Id = &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
				MostSignificantBits: int64(most), LeastSignificantBits: int64(least)}}}
		}},
		"a low id": {true, func(m *api.AppendReq_ProposedMessage) {
			m.Id = &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{LeastSignificantBits: 1}}}
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

// capturing keeps what is received, too.
type capturing struct {
	encoding.CodecV2
	got chan<- []byte
}

func (c capturing) Unmarshal(data mem.BufferSlice, v any) error {
	c.got <- data.Materialize()
	return c.CodecV2.Unmarshal(data, v)
}

// appends takes the two messages of an append.
type appends struct{ api.UnimplementedStreamsServer }

func (appends) Append(call api.Streams_AppendServer) error {
	for range 2 {
		if _, err := call.Recv(); err != nil {
			return err
		}
	}
	return status.Error(codes.PermissionDenied, "enough")
}

func TestWhatTheOfficialClientSendsIsReadTheShorterWay(t *testing.T) {
	got := make(chan []byte, 10)
	server := grpc.NewServer(grpc.ForceServerCodecV2(capturing{encoding.GetCodecV2("proto"), got}))
	api.RegisterStreamsServer(server, appends{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving errgroup.Group
	serving.Go(func() error { return server.Serve(listener) })
	client := connect(t, "esdb://"+listener.Addr().String()+"?tls=false")
	e := event("thing.made.v1")
	_, err = client.AppendToStream(within(t), "thing-1", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, e)
	require.Error(t, err)
	server.Stop()
	require.NoError(t, serving.Wait())
	close(got)
	var last []byte
	for last = range got { // features of the server and options come first
	}
	var p proposal
	require.True(t, p.read(last))
	require.Equal(t, storage.Event{ID: e.EventID, Type: e.EventType, JSON: true, Data: e.Data, Metadata: e.Metadata}, p.plain)
}
