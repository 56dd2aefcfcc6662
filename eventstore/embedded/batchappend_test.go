package embedded

import (
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

func startBatch(t *testing.T, server *Server) api.Streams_BatchAppendClient {
	conn, err := grpc.NewClient(server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	call, err := api.NewStreamsClient(conn).BatchAppend(within(t))
	require.NoError(t, err)
	return call
}

// incomplete is a first message that promises more; it has until the longest deadline there is.
func incomplete(data []byte) *api.BatchAppendReq {
	text := func() *shared.UUID { return &shared.UUID{Value: &shared.UUID_String_{String_: uuid.NewString()}} }
	return &api.BatchAppendReq{CorrelationId: text(),
		Options: &api.BatchAppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("s")},
			ExpectedStreamPosition: &api.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}}},
		ProposedMessages: []*api.BatchAppendReq_ProposedMessage{{Id: text(), Data: data,
			Metadata: map[string]string{"type": "e", "content-type": "application/json"}}}}
}

// firstRefusal sends incomplete appends until one is answered.
func firstRefusal(t *testing.T, call api.Streams_BatchAppendClient, n int, data []byte) *api.BatchAppendResp {
	for range n {
		require.NoError(t, call.Send(incomplete(data)))
	}
	resp, err := call.Recv()
	require.NoError(t, err)
	return resp
}

func TestIncompleteAppendsAreBounded(t *testing.T) {
	server := startServer(t, testConfig(t.TempDir()))
	resp := firstRefusal(t, startBatch(t, server), maxOpen+1, nil)
	require.Equal(t, codes.InvalidArgument, codes.Code(resp.GetError().GetCode()))
	resp = firstRefusal(t, startBatch(t, server), 17, make([]byte, MaxAppendSize-2))
	require.Equal(t, codes.InvalidArgument, codes.Code(resp.GetError().GetCode()))
}

func TestAnIdleBatchCallDoesNotHoldUpTheServersEnd(t *testing.T) {
	server, err := Open(t.Context(), testConfig(t.TempDir()))
	require.NoError(t, err)
	call := startBatch(t, server)
	done := incomplete([]byte("{}"))
	done.IsFinal = true
	require.NoError(t, call.Send(done))
	resp, err := call.Recv()
	require.NoError(t, err)
	require.NotNil(t, resp.GetSuccess())
	began := time.Now()
	require.NoError(t, server.Close())
	require.Less(t, time.Since(began), stopWait)
	_, err = call.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err))
}
