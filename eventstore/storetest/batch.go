package storetest

import (
	"io"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// batch is a BatchAppend call.
type batch struct {
	t    *testing.T
	call api.Streams_BatchAppendClient
}

func (s *target) batch(t *testing.T) *batch {
	call, err := s.raw.BatchAppend(s.rawContext(t))
	require.NoError(t, err)
	return &batch{t, call}
}

// begin is the first message of an append that expects any revision and has a minute.
func begin(stream string) *api.BatchAppendReq {
	return &api.BatchAppendReq{CorrelationId: rawID(uuid.New()), Options: &api.BatchAppendReq_Options{
		StreamIdentifier:       rawStream(stream),
		ExpectedStreamPosition: &api.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}},
		DeadlineOption:         &api.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(time.Minute)}}}
}

// after expects a revision.
func after(req *api.BatchAppendReq, revision uint64) *api.BatchAppendReq {
	req.Options.ExpectedStreamPosition = &api.BatchAppendReq_Options_StreamPosition{StreamPosition: revision}
	return req
}

// more is a further message of an append.
func more(first *api.BatchAppendReq) *api.BatchAppendReq {
	return &api.BatchAppendReq{CorrelationId: first.CorrelationId}
}

func (b *batch) send(req *api.BatchAppendReq, final bool, events ...esdb.EventData) {
	b.t.Helper()
	req.IsFinal = final
	for _, e := range events {
		req.ProposedMessages = append(req.ProposedMessages, &api.BatchAppendReq_ProposedMessage{Id: rawID(e.EventID),
			Metadata: map[string]string{"type": e.EventType, "content-type": "application/json"}, Data: e.Data})
	}
	require.NoError(b.t, b.call.Send(req))
}

func (b *batch) receive() *api.BatchAppendResp {
	b.t.Helper()
	resp, err := b.call.Recv()
	require.NoError(b.t, err)
	return resp
}

// refused is the next answer's error, which must be of the code and carry the detail.
func (b *batch) refused(code codes.Code, detail proto.Message) {
	b.t.Helper()
	resp := b.receive()
	refusal, ok := resp.Result.(*api.BatchAppendResp_Error)
	require.True(b.t, ok, "%v", resp)
	requireStatus(b.t, refusal.Error, code, detail)
}

func requireStatus(t *testing.T, s *status.Status, code codes.Code, detail proto.Message) {
	t.Helper()
	require.Equal(t, code, codes.Code(s.Code), s.Message)
	require.Len(t, s.Details, 1)
	got, err := s.Details[0].UnmarshalNew()
	require.NoError(t, err)
	require.True(t, proto.Equal(detail, got), "%v, not %v", got, detail)
}

func testBatchOne(t *testing.T, s *target) {
	b := s.batch(t)
	stream, written := newStream(), newEvents(3)
	req := begin(stream)
	req.Options.ExpectedStreamPosition = &api.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}
	b.send(req, true, written...)
	resp := b.receive()
	require.True(t, proto.Equal(req.CorrelationId, resp.CorrelationId))
	require.Equal(t, stream, string(resp.StreamIdentifier.GetStreamName()))
	require.EqualValues(t, 2, resp.GetSuccess().GetCurrentRevision())
	got := s.readFrom(t, stream, esdb.Start{})
	require.Len(t, got, 3)
	require.Equal(t, got[2].Event.Position.Commit, resp.GetSuccess().GetPosition().GetCommitPosition())
	require.Equal(t, written[0].EventID, got[0].Event.EventID)
	require.Equal(t, written[0].Data, got[0].Event.Data)
	require.NoError(t, b.call.CloseSend())
	_, err := b.call.Recv()
	require.ErrorIs(t, err, io.EOF)
}

func testBatchInterleaved(t *testing.T, s *target) {
	b := s.batch(t)
	one, two := begin(newStream()), begin(newStream())
	written := newEvents(5)
	b.send(one, false, written[0])
	b.send(two, false)
	b.send(more(one), false, written[1])
	b.send(more(two), true, written[3:]...)
	resp := b.receive()
	require.True(t, proto.Equal(two.CorrelationId, resp.CorrelationId), "each is answered when it is done")
	require.EqualValues(t, 1, resp.GetSuccess().GetCurrentRevision())
	b.send(more(one), true, written[2])
	require.NoError(t, b.call.CloseSend())
	resp = b.receive()
	require.True(t, proto.Equal(one.CorrelationId, resp.CorrelationId))
	require.EqualValues(t, 2, resp.GetSuccess().GetCurrentRevision())
	for i, e := range s.readFrom(t, string(one.Options.StreamIdentifier.StreamName), esdb.Start{}) {
		require.Equal(t, written[i].EventID, e.Event.EventID)
	}
}

func testBatchOrder(t *testing.T, s *target) {
	b := s.batch(t)
	stream := newStream()
	s.append(t, stream, esdb.NoStream{}, newEvent())
	const n = 200
	for i := range n {
		b.send(after(begin(stream), uint64(i)), true, newEvent())
	}
	for range n {
		resp := b.receive()
		require.NotNil(t, resp.GetSuccess(), "%v", resp)
	}
	require.Len(t, s.readFrom(t, stream, esdb.Start{}), n+1)
}

func testBatchExpected(t *testing.T, s *target) {
	b := s.batch(t)
	stream, empty := newStream(), &emptypb.Empty{}
	exists := func(stream string) *api.BatchAppendReq {
		req := begin(stream)
		req.Options.ExpectedStreamPosition = &api.BatchAppendReq_Options_StreamExists{StreamExists: empty}
		return req
	}
	b.send(exists(stream), true, newEvent())
	b.refused(codes.AlreadyExists, &shared.WrongExpectedVersion{
		CurrentStreamRevisionOption:  &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: empty},
		ExpectedStreamPositionOption: &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: empty}})
	b.send(begin(stream), true, newEvents(2)...)
	require.EqualValues(t, 1, b.receive().GetSuccess().GetCurrentRevision())
	b.send(exists(stream), true, newEvent())
	require.EqualValues(t, 2, b.receive().GetSuccess().GetCurrentRevision())

	current := &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: 2}
	b.send(after(begin(stream), 7), true, newEvent())
	b.refused(codes.AlreadyExists, &shared.WrongExpectedVersion{CurrentStreamRevisionOption: current,
		ExpectedStreamPositionOption: &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: 7}})
	none := begin(stream)
	none.Options.ExpectedStreamPosition = &api.BatchAppendReq_Options_NoStream{NoStream: empty}
	b.send(none, true, newEvent())
	b.refused(codes.AlreadyExists, &shared.WrongExpectedVersion{CurrentStreamRevisionOption: current,
		ExpectedStreamPositionOption: &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: empty}})
	b.send(after(begin(stream), 2), true, newEvent())
	require.EqualValues(t, 3, b.receive().GetSuccess().GetCurrentRevision(), "a refusal ends its append only")
}

func testBatchRepeat(t *testing.T, s *target) {
	b := s.batch(t)
	stream, written := newStream(), newEvents(2)
	s.append(t, stream, esdb.NoStream{}, newEvent())
	for range 2 {
		b.send(after(begin(stream), 0), true, written...)
		require.EqualValues(t, 2, b.receive().GetSuccess().GetCurrentRevision())
	}
	require.Len(t, s.readFrom(t, stream, esdb.Start{}), 3)
}

func testBatchDeleted(t *testing.T, s *target) {
	b := s.batch(t)
	stream := s.full(t, 1)()
	s.tombstone(t, stream)
	b.send(begin(stream), true, newEvent())
	b.refused(codes.NotFound, &shared.StreamDeleted{StreamIdentifier: rawStream(stream)})
}

func testBatchSize(t *testing.T, s *target) {
	b := s.batch(t)
	stream := newStream()
	big := newEvents(3)
	for i := range big {
		big[i].Data = make([]byte, maxAppend/2)
	}
	first := begin(stream)
	b.send(first, false, big[0])
	b.send(more(first), false, big[1])
	b.refused(codes.InvalidArgument, &shared.MaximumAppendSizeExceeded{MaxAppendSize: maxAppend})
	b.send(more(first), true, big[2]) // of an append that is refused already: no further answer
	b.send(begin(stream), true, newEvent())
	require.EqualValues(t, 0, b.receive().GetSuccess().GetCurrentRevision())
}

func testBatchDeadlines(t *testing.T, s *target) {
	b := s.batch(t)
	stream := newStream()
	past := begin(stream)
	past.Options.DeadlineOption = &api.BatchAppendReq_Options_Deadline_21_10_0{
		Deadline_21_10_0: timestamppb.New(time.Now().Add(-time.Hour))}
	b.send(past, true, newEvent())
	b.refused(codes.DeadlineExceeded, &shared.Timeout{})
	never := begin(stream)
	never.Options.DeadlineOption = &api.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(100 * time.Millisecond)}
	b.send(never, false, newEvent())
	b.refused(codes.DeadlineExceeded, &shared.Timeout{})
	require.Equal(t, esdb.ErrorCodeResourceNotFound, code(t, s.readError(t, stream)))
}

func testBatchInvalid(t *testing.T, s *target) {
	b := s.batch(t)
	req := begin(newStream())
	req.ProposedMessages = []*api.BatchAppendReq_ProposedMessage{{Id: rawID(uuid.New()), Data: []byte("{}")}}
	b.send(req, true)
	refusal := b.receive().GetError()
	require.Equal(t, codes.InvalidArgument, codes.Code(refusal.GetCode()))
	require.Len(t, refusal.Details, 1)
	require.True(t, refusal.Details[0].MessageIs(&shared.BadRequest{}))
}
