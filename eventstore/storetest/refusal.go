package storetest

import (
	"strconv"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// refusedWith checks an error's code and the trailers by which clients recognise it.
func refusedWith(t *testing.T, err error, trailers metadata.MD, code codes.Code, want map[string]string) {
	t.Helper()
	require.Equal(t, code, status.Code(err), err)
	for key, value := range want {
		require.Equal(t, []string{value}, trailers.Get(key), key)
	}
}

func testWrongVersionTrailers(t *testing.T, s *target) {
	stream := s.full(t, 3)()
	want := map[string]string{"exception": "wrong-expected-version", "stream-name": stream, "expected-version": "7", "actual-version": "2"}
	var trailers metadata.MD
	_, err := s.raw.Delete(s.rawContext(t), &api.DeleteReq{Options: &api.DeleteReq_Options{StreamIdentifier: rawStream(stream),
		ExpectedStreamRevision: &api.DeleteReq_Options_Revision{Revision: 7}}}, grpc.Trailer(&trailers))
	refusedWith(t, err, trailers, codes.FailedPrecondition, want)
	_, err = s.raw.Tombstone(s.rawContext(t), &api.TombstoneReq{Options: &api.TombstoneReq_Options{StreamIdentifier: rawStream(stream),
		ExpectedStreamRevision: &api.TombstoneReq_Options_Revision{Revision: 7}}}, grpc.Trailer(&trailers))
	refusedWith(t, err, trailers, codes.FailedPrecondition, want)

	resp, _, err := s.rawAppend(t, &api.AppendReq_Options{StreamIdentifier: rawStream(stream),
		ExpectedStreamRevision: &api.AppendReq_Options_Revision{Revision: 7}}, []byte("{}"))
	require.NoError(t, err, "an append is refused in its response")
	require.EqualValues(t, 2, resp.GetWrongExpectedVersion().GetCurrentRevision())
	require.EqualValues(t, 7, resp.GetWrongExpectedVersion().GetExpectedRevision())
	resp, _, err = s.rawAppend(t, &api.AppendReq_Options{StreamIdentifier: rawStream(newStream()),
		ExpectedStreamRevision: &api.AppendReq_Options_StreamExists{StreamExists: &shared.Empty{}}}, []byte("{}"))
	require.NoError(t, err)
	require.NotNil(t, resp.GetWrongExpectedVersion().GetCurrentNoStream())
	require.NotNil(t, resp.GetWrongExpectedVersion().GetExpectedStreamExists())
}

// rawAppend appends one event. The options are sent alone first, as clients do.
func (s *target) rawAppend(t *testing.T, o *api.AppendReq_Options, data []byte) (*api.AppendResp, metadata.MD, error) {
	t.Helper()
	call, err := s.raw.Append(s.rawContext(t))
	require.NoError(t, err)
	require.NoError(t, call.Send(&api.AppendReq{Content: &api.AppendReq_Options_{Options: o}}))
	// Sending fails with io.EOF where the server has answered already; the answer is what counts.
	_ = call.Send(&api.AppendReq{Content: &api.AppendReq_ProposedMessage_{ProposedMessage: &api.AppendReq_ProposedMessage{
		Id: rawID(uuid.New()), Metadata: map[string]string{"type": "happened", "content-type": "application/json"}, Data: data}}})
	resp, err := call.CloseAndRecv()
	return resp, call.Trailer(), err
}

func anyOf(stream string) *api.AppendReq_Options {
	return &api.AppendReq_Options{StreamIdentifier: rawStream(stream),
		ExpectedStreamRevision: &api.AppendReq_Options_Any{Any: &shared.Empty{}}}
}

func testDeletedTrailers(t *testing.T, s *target) {
	stream := s.full(t, 1)()
	s.tombstone(t, stream)
	want := map[string]string{"exception": "stream-deleted", "stream-name": stream}
	_, trailers, err := s.rawAppend(t, anyOf(stream), []byte("{}"))
	refusedWith(t, err, trailers, codes.FailedPrecondition, want)
	_, err = s.raw.Delete(s.rawContext(t), &api.DeleteReq{Options: &api.DeleteReq_Options{StreamIdentifier: rawStream(stream),
		ExpectedStreamRevision: &api.DeleteReq_Options_Any{Any: &shared.Empty{}}}}, grpc.Trailer(&trailers))
	refusedWith(t, err, trailers, codes.FailedPrecondition, want)
	call, err := s.raw.Read(s.rawContext(t), &api.ReadReq{Options: &api.ReadReq_Options{
		StreamOption: &api.ReadReq_Options_Stream{Stream: &api.ReadReq_Options_StreamOptions{StreamIdentifier: rawStream(stream),
			RevisionOption: &api.ReadReq_Options_StreamOptions_Start{Start: &shared.Empty{}}}},
		CountOption: &api.ReadReq_Options_Count{Count: 1}, FilterOption: &api.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption: &api.ReadReq_Options_UUIDOption{Content: &api.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}}})
	require.NoError(t, err)
	_, err = call.Recv()
	refusedWith(t, err, call.Trailer(), codes.FailedPrecondition, want)
}

func testTooLargeTrailers(t *testing.T, s *target) {
	_, trailers, err := s.rawAppend(t, anyOf(newStream()), make([]byte, maxAppend+1))
	refusedWith(t, err, trailers, codes.InvalidArgument, map[string]string{
		"exception": "maximum-append-size-exceeded", "maximum-append-size": strconv.Itoa(maxAppend)})
}

func testInvalidRequests(t *testing.T, s *target) {
	_, _, err := s.rawAppend(t, anyOf(""), []byte("{}"))
	require.Error(t, err, "a stream needs a name")
	_, _, err = s.rawAppend(t, anyOf("$all"), []byte("{}"))
	require.Error(t, err, "nobody appends to $all")
	_, err = s.client.SubscribeToAll(within(t), esdb.SubscribeToAllOptions{From: s.mark(t),
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "("}})
	require.Error(t, err, "a pattern that does not parse")
}
