package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	features "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// dial is a connection without any client's good manners. Its buffers are small, so that it takes little unread.
func dial(t testing.TB, server *Server) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(64<<10))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// rawCodec sends bytes as they are, and forgets answers.
type rawCodec struct{}

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (rawCodec) Unmarshal(mem.BufferSlice, any) error { return nil }
func (rawCodec) Name() string                         { return "proto" }
func raw() grpc.CallOption                            { return grpc.ForceCodecV2(encoding.CodecV2(rawCodec{})) }

// unharmed requires that an ordinary client is served as ever.
func unharmed(t *testing.T, c *esdb.Client) {
	t.Helper()
	stream := "ordinary-" + uuid.NewString()
	appendTo(t, c, stream, esdb.NoStream{}, events("e", 3)...)
	require.Len(t, readStream(t, c, stream, esdb.ReadStreamOptions{From: esdb.Start{}}), 3)
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	server := startServer(t, testConfig(t.TempDir()))
	conn, c := dial(t, server), connect(t, server.ConnectionString())
	for _, method := range []string{"streams.Streams/Read", "streams.Streams/Append", "streams.Streams/BatchAppend",
		"streams.Streams/Delete", "streams.Streams/Tombstone", "persistent_subscriptions.PersistentSubscriptions/Read",
		"nonsense.Nonsense/Nonsense"} {
		for name, body := range map[string][]byte{
			"nothing": {}, "noise": []byte("\xff\xfe\xfd noise"), "a length beyond the end": {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f},
			"deep nesting": bytes.Repeat([]byte{0x0b}, 100_000), "zeros": make([]byte, 1000),
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
				"/event_store.client."+method, raw())
			require.NoError(t, err)
			_ = stream.SendMsg(body) // may find the call refused
			require.NoError(t, stream.CloseSend())
			err = stream.RecvMsg(nil)
			cancel()
			if method == "streams.Streams/BatchAppend" && (err == nil || errors.Is(err, io.EOF)) {
				continue // refused in its answer, or there was nothing to do
			}
			require.NotContains(t, []codes.Code{codes.OK, codes.DeadlineExceeded, codes.Unknown}, status.Code(err),
				"%s to %s: %v", name, method, err)
		}
	}
	unharmed(t, c)
}

func TestOversizedAndAbsurdAppendsAreRefused(t *testing.T) {
	server := startServer(t, testConfig(t.TempDir()))
	conn, c := dial(t, server), connect(t, server.ConnectionString())
	send := func(stream string, n int, m *api.AppendReq_ProposedMessage) error {
		call, err := api.NewStreamsClient(conn).Append(within(t))
		require.NoError(t, err)
		err = call.Send(&api.AppendReq{Content: &api.AppendReq_Options_{Options: &api.AppendReq_Options{
			StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(stream)},
			ExpectedStreamRevision: &api.AppendReq_Options_Any{Any: empty}}}})
		for i := 0; i < n && err == nil; i++ {
			err = call.Send(&api.AppendReq{Content: &api.AppendReq_ProposedMessage_{ProposedMessage: m}})
		}
		_, err = call.CloseAndRecv()
		return err
	}
	message := func(kind string, size int) *api.AppendReq_ProposedMessage {
		return &api.AppendReq_ProposedMessage{Id: &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}},
			Metadata: map[string]string{"type": kind, "content-type": "application/json"}, Data: make([]byte, size)}
	}
	for name, test := range map[string]struct {
		code   codes.Code
		stream string
		n      int
		m      *api.AppendReq_ProposedMessage
	}{
		"one large event":           {codes.InvalidArgument, "s", 1, message("t", MaxAppendSize)},
		"an event beyond a message": {codes.ResourceExhausted, "s", 1, message("t", maxMessageBytes)},
		"many small events":         {codes.InvalidArgument, "s", maxAppendEvents + 1, message("t", 0)},
		"without a type":            {codes.InvalidArgument, "s", 1, message("", 0)},
		"without anything":          {codes.InvalidArgument, "s", 1, nil},
		"no id":                     {codes.InvalidArgument, "s", 1, &api.AppendReq_ProposedMessage{Metadata: message("t", 0).Metadata}},
		"a long name":               {codes.InvalidArgument, strings.Repeat("s", maxStreamName+1), 1, message("t", 0)},
	} {
		require.Equal(t, test.code, status.Code(send(test.stream, test.n, test.m)), name)
	}
	require.NoError(t, send(strings.Repeat("s", maxStreamName), 1, message("t", 0)))
	unharmed(t, c)
}

func TestAbsurdReadsAnswer(t *testing.T) {
	server := startServer(t, testConfig(t.TempDir()))
	conn, c := dial(t, server), connect(t, server.ConnectionString())
	appendTo(t, c, "s", esdb.NoStream{}, events("e", 5)...)
	all := func(commit, prepare uint64) *api.ReadReq_Options {
		return &api.ReadReq_Options{StreamOption: &api.ReadReq_Options_All{All: &api.ReadReq_Options_AllOptions{
			AllOption: &api.ReadReq_Options_AllOptions_Position{Position: &api.ReadReq_Options_Position{
				CommitPosition: commit, PreparePosition: prepare}}}}}
	}
	stream := func(name string, revision uint64) *api.ReadReq_Options {
		return &api.ReadReq_Options{StreamOption: &api.ReadReq_Options_Stream{Stream: &api.ReadReq_Options_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)},
			RevisionOption:   &api.ReadReq_Options_StreamOptions_Revision{Revision: revision}}}}
	}
	for _, at := range []uint64{0, 1, 7, math.MaxInt64 - 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64 - 1, math.MaxUint64} {
		for _, o := range []*api.ReadReq_Options{all(at, at), all(at, at-1), all(0, at), stream("s", at), stream("unknown", at)} {
			for _, direction := range []api.ReadReq_Options_ReadDirection{api.ReadReq_Options_Forwards, api.ReadReq_Options_Backwards, 77} {
				for _, count := range []uint64{0, 1, math.MaxUint64} {
					o.ReadDirection, o.CountOption = direction, &api.ReadReq_Options_Count{Count: count}
					n, err := receive(t, conn, o)
					require.NoError(t, err)
					require.LessOrEqual(t, n, 10)
				}
			}
			o.ReadDirection = api.ReadReq_Options_Forwards
			o.CountOption = &api.ReadReq_Options_Subscription{Subscription: &api.ReadReq_Options_SubscriptionOptions{}}
			ctx, cancel := context.WithCancel(t.Context())
			call, err := api.NewStreamsClient(conn).Read(ctx, &api.ReadReq{Options: o})
			require.NoError(t, err)
			first, err := call.Recv()
			require.NoError(t, err)
			require.NotNil(t, first.GetConfirmation())
			cancel()
		}
	}
	unharmed(t, c)
}

// receive counts the answers of a read.
func receive(t *testing.T, conn *grpc.ClientConn, o *api.ReadReq_Options) (n int, err error) {
	t.Helper()
	call, err := api.NewStreamsClient(conn).Read(within(t), &api.ReadReq{Options: o})
	require.NoError(t, err)
	for {
		if _, err = call.Recv(); err != nil {
			if errors.Is(err, io.EOF) {
				return n, nil
			}
			return n, err
		}
		n++
	}
}

func TestExpressionsAreBounded(t *testing.T) {
	for _, bomb := range []string{"((x{99}){99}){99}", "(a*)*{1000}", strings.Repeat("a|", 3000), "(((((.{1,50}){50}){50}){50}){50})",
		strings.Repeat("(", 2000) + strings.Repeat(")", 2000), `(\pL{100}){100}`, "(", `(?!x)`} {
		_, err := compile(bomb)
		require.Equal(t, codes.InvalidArgument, status.Code(err), bomb[:min(20, len(bomb))])
	}
	for _, fine := range []string{`^[^\$].*`, "^(order|member)-[0-9a-f]{36}$", "(a|aa)+$", "(.*)*.*=.*", "(x+x+)+y"} {
		pattern, err := compile(fine)
		require.NoError(t, err, fine)
		begun := time.Now()
		pattern.MatchString(strings.Repeat("ax", maxStreamName/2))
		require.Less(t, time.Since(begun), 10*time.Second, "linear, whatever the expression")
	}
}

func FuzzReadRequest(f *testing.F) {
	for _, o := range []*api.ReadReq_Options{{}, {CountOption: &api.ReadReq_Options_Count{Count: 3},
		StreamOption: &api.ReadReq_Options_All{All: &api.ReadReq_Options_AllOptions{}},
		FilterOption: &api.ReadReq_Options_Filter{Filter: &api.ReadReq_Options_FilterOptions{
			Window: &api.ReadReq_Options_FilterOptions_Max{Max: 5}, CheckpointIntervalMultiplier: 2,
			Filter: &api.ReadReq_Options_FilterOptions_EventType{
				EventType: &api.ReadReq_Options_FilterOptions_Expression{Regex: "^a{3}"}}}}}} {
		b, err := proto.Marshal(&api.ReadReq{Options: o})
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var req api.ReadReq
		if proto.Unmarshal(b, &req) != nil {
			return
		}
		r, err := parseRead(&req)
		if err != nil {
			require.Equal(t, codes.InvalidArgument, status.Code(err))
			return
		}
		if r.filter != nil && r.filter.pattern != nil {
			r.filter.pattern.MatchString(r.stream + "order-1")
		}
	})
}

// someEntries are a type, a content type and data of a proposal.
const someEntries = "\x12\t\n\x04type\x12\x01t" + "\x12\x11\n\x0ccontent-type\x12\x01x" + "\"\x011"

func FuzzAppendRequest(f *testing.F) {
	for _, m := range []*api.AppendReq{
		{Content: &api.AppendReq_Options_{Options: &api.AppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("order-1")},
			ExpectedStreamRevision: &api.AppendReq_Options_Revision{Revision: 3}}}},
		{Content: &api.AppendReq_ProposedMessage_{ProposedMessage: &api.AppendReq_ProposedMessage{
			Id:       &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{MostSignificantBits: 1}}},
			Metadata: map[string]string{"type": "t", "content-type": "application/json"}, Data: []byte("{}")}}},
	} {
		b, err := proto.Marshal(m)
		require.NoError(f, err)
		f.Add(b)
	}
	for _, odd := range []string{ // proposals that must not be read the shorter way, or read alike
		"\x12K\n(\x12&\xff00000000-0000-0000-0000-000000000001\xff" + someEntries,                     // an id that is no text
		"\x12\x29\n\x06\n\x04\x10\x01\x08\x02" + someEntries,                                          // halves reversed
		"\x12\x29\n\x06\n\x04\x08\x01\x08\x02" + someEntries,                                          // repeated
		"\x12\x31\n\x06\n\x04\x08\x01\x10\x02\n\x06\n\x04\x08\x03\x10\x04" + someEntries,              // an id again
		"\x12\x2e\n\x06\n\x04\x08\x01\x10\x02" + someEntries + "\"\x01" + "2" + "\"\x00",              // data again
		"\x12\x29\n\x06\n\x04\x08\x01\x10\x02" + someEntries + "\x12\x03\"\x01" + "2",                 // a message again
		"\n\x02\x1a\x00\x12\x29\n\x06\n\x04\x08\x01\x10\x02" + someEntries,                            // options, too
		"\x12\x29\n\x06\n\x04\x08\x01\x10\x02\x12\t\n\x04type\x12\x01\xff" + someEntries[11:],         // a type that is no text
		"\x12\x2c\n\x06\n\x04\x08\x01\x10\x02\x12\x0c\n\x04type\x12\x01t\x1a\x01x" + someEntries[11:], // an entry with more
	} {
		f.Add([]byte(odd))
	}
	refused := func(t *testing.T, err error) bool {
		if err != nil {
			require.Equal(t, codes.InvalidArgument, status.Code(err))
		}
		return err != nil
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var req api.AppendReq
		var short proposal
		shorter := short.read(b)
		if proto.Unmarshal(b, &req) != nil {
			require.False(t, shorter)
			return
		}
		if name, err := streamName(req.GetOptions().GetStreamIdentifier()); !refused(t, err) {
			require.NotEmpty(t, name)
			require.LessOrEqual(t, len(name), maxStreamName)
		}
		if expected, err := parseExpected(req.GetOptions()); !refused(t, err) {
			require.GreaterOrEqual(t, expected, min(storage.ExpectAny, storage.ExpectExists, storage.ExpectNoStream))
		}
		m := req.GetProposedMessage()
		e, err := newEvent(m.GetId(), m.GetMetadata(), m.GetData(), m.GetCustomMetadata())
		if !refused(t, err) {
			require.NotEmpty(t, e.Type)
		}
		if shorter {
			require.NoError(t, err)
			require.True(t, bytes.Equal(e.Data, short.plain.Data) && bytes.Equal(e.Metadata, short.plain.Metadata))
			short.plain.Data, short.plain.Metadata = e.Data, e.Metadata
			require.Equal(t, e, short.plain)
		}
	})
}

// heap is what is in use after a collection, in MiB.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse+m.StackInuse) / (1 << 20)
}

func TestIdleSubscriptionsCostLittle(t *testing.T) {
	const connections, each = 10, 100
	server := startServer(t, testConfig(t.TempDir()))
	c := connect(t, server.ConnectionString())
	before := heap()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls []api.Streams_ReadClient
	for range connections {
		client := api.NewStreamsClient(dial(t, server))
		for range each {
			call, err := client.Read(ctx, &api.ReadReq{Options: &api.ReadReq_Options{
				CountOption:  &api.ReadReq_Options_Subscription{Subscription: &api.ReadReq_Options_SubscriptionOptions{}},
				StreamOption: &api.ReadReq_Options_All{All: &api.ReadReq_Options_AllOptions{AllOption: &api.ReadReq_Options_AllOptions_End{End: empty}}},
				FilterOption: &api.ReadReq_Options_Filter{Filter: &api.ReadReq_Options_FilterOptions{CheckpointIntervalMultiplier: 1000,
					Filter: &api.ReadReq_Options_FilterOptions_StreamIdentifier{
						StreamIdentifier: &api.ReadReq_Options_FilterOptions_Expression{Prefix: []string{"none-"}}}}}}})
			require.NoError(t, err)
			calls = append(calls, call)
		}
	}
	for _, call := range calls { // confirmed and caught up
		for range 2 {
			_, err := call.Recv()
			require.NoError(t, err)
		}
	}
	used := heap() - before
	begun := time.Now()
	for range 5 {
		unharmed(t, c)
	}
	t.Logf("%d subscriptions take %.1f MiB, both sides; an append and a read beside them %v", len(calls), used, time.Since(begun)/5)
	require.Less(t, used, 150.0)
	require.Less(t, time.Since(begun), 20*time.Second) // a busy machine took 1.3 s for each
}

func TestAThousandConnectionsHarmNobody(t *testing.T) {
	const silent, greeted = 500, 500
	server := startServer(t, testConfig(t.TempDir()))
	c := connect(t, server.ConnectionString())
	before := heap()
	for range silent { // not even a greeting
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Addr())
		require.NoError(t, err)
		defer conn.Close()
	}
	for range greeted {
		conn, err := grpc.NewClient(server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithReadBufferSize(0), grpc.WithWriteBufferSize(0))
		require.NoError(t, err)
		defer conn.Close()
		_, err = features.NewServerFeaturesClient(conn).GetSupportedMethods(within(t), empty)
		require.NoError(t, err)
	}
	used := heap() - before
	begun := time.Now()
	for range 20 {
		unharmed(t, c)
	}
	t.Logf("%d connections take %.1f MiB, both sides; an append and a read beside them %v", silent+greeted, used, time.Since(begun)/20)
	require.Less(t, used, 150.0)
	require.Less(t, time.Since(begun), 20*time.Second)
}

func TestClientsThatNeverReadTakeBoundedMemory(t *testing.T) {
	t.Run("large events", func(t *testing.T) { notRead(t, 500_000) })
	t.Run("small events", func(t *testing.T) { notRead(t, 100) })
}

// notRead appends 60 events of a size, or 6,000 if they are small, and has many readers that do not read them.
func notRead(t *testing.T, size int) {
	server := startServer(t, testConfig(t.TempDir()))
	c := connect(t, server.ConnectionString())
	for i := range 60 {
		events := make([]esdb.EventData, max(1, 10_000/size))
		for j := range events {
			events[j] = event("unread")
			events[j].Data = make([]byte, size)
		}
		appendTo(t, c, fmt.Sprint("unread-", i%3), esdb.Any{}, events...)
	}
	before := heap()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := api.NewStreamsClient(dial(t, server))
	for i := range maxStreams {
		o := &api.ReadReq_Options{CountOption: &api.ReadReq_Options_Count{Count: math.MaxUint64},
			StreamOption: &api.ReadReq_Options_All{All: &api.ReadReq_Options_AllOptions{}}}
		if i%2 == 0 {
			o.CountOption = &api.ReadReq_Options_Subscription{Subscription: &api.ReadReq_Options_SubscriptionOptions{}}
		}
		call, err := client.Read(ctx, &api.ReadReq{Options: o})
		require.NoError(t, err)
		_, err = call.Header()
		require.NoError(t, err)
	}
	for range 20 {
		unharmed(t, c)
	}
	used := heap() - before
	t.Logf("%d readers that do not read events of %d bytes: %.1f MiB", maxStreams, size, used)
	require.Less(t, used, 200.0)
}
