package embedded

import (
	"context"
	"errors"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// The outcomes of a BatchAppend's appends. Clients tell errors apart by the type of the packed detail; the
// codes and messages are those of the servers, which name WrongExpectedVersion ALREADY_EXISTS here.

func batchSuccess(c *collecting, r storage.Result) *api.BatchAppendResp {
	success := &api.BatchAppendResp_Success{
		CurrentRevisionOption: &api.BatchAppendResp_Success_CurrentRevision{CurrentRevision: uint64(r.Revision)},
		PositionOption: &api.BatchAppendResp_Success_Position{Position: &shared.AllStreamPosition{
			CommitPosition: r.Position, PreparePosition: r.Position}},
	}
	if r.Revision < 0 {
		success.CurrentRevisionOption = &api.BatchAppendResp_Success_NoStream{NoStream: &emptypb.Empty{}}
	}
	if r.Position == 0 {
		success.PositionOption = &api.BatchAppendResp_Success_NoPosition{NoPosition: &emptypb.Empty{}}
	}
	return &api.BatchAppendResp{CorrelationId: c.id, StreamIdentifier: identifier(c.stream),
		Result: &api.BatchAppendResp_Success_{Success: success}}
}

// errorStatus maps what the log or the access check answered.
func errorStatus(err error, stream string) *status.Status {
	var wrong *storage.WrongRevisionError
	var deleted *storage.StreamDeletedError
	var refused *refusal
	switch {
	case errors.As(err, &wrong):
		return packed(codes.AlreadyExists, "WrongExpectedVersion", wrongVersionDetail(wrong))
	case errors.As(err, &deleted):
		return packed(codes.NotFound, "StreamDeleted", &shared.StreamDeleted{StreamIdentifier: identifier(stream)})
	case errors.As(err, &refused) && refused.code == codes.PermissionDenied:
		return packed(codes.PermissionDenied, "AccessDenied", &shared.AccessDenied{})
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut()
	case errors.Is(err, storage.ErrFull):
		return packed(codes.ResourceExhausted, err.Error(), &emptypb.Empty{})
	case errors.Is(err, storage.ErrClosed), errors.Is(err, storage.ErrStopped):
		return packed(codes.OK, "Server Is Not Ready", &emptypb.Empty{}) // the servers set no code either
	}
	return packed(codes.Unknown, "Unknown", &shared.Unknown{})
}

func wrongVersionDetail(e *storage.WrongRevisionError) *shared.WrongExpectedVersion {
	w := &shared.WrongExpectedVersion{CurrentStreamRevisionOption: &shared.WrongExpectedVersion_CurrentStreamRevision{
		CurrentStreamRevision: uint64(e.Actual)}}
	if e.Actual < 0 {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}}
	}
	switch e.Expected {
	case storage.ExpectAny:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: &emptypb.Empty{}}
	case storage.ExpectExists:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}}
	case storage.ExpectNoStream:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &emptypb.Empty{}}
	default:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamPosition{
			ExpectedStreamPosition: uint64(e.Expected)}
	}
	return w
}

func timedOut() *status.Status {
	return packed(codes.DeadlineExceeded, "Timeout", &shared.Timeout{})
}

func appendTooLarge() *status.Status {
	return packed(codes.InvalidArgument, "MaximumAppendSizeExceeded",
		&shared.MaximumAppendSizeExceeded{MaxAppendSize: MaxAppendSize})
}

func badRequest(err error) *status.Status {
	return packed(codes.InvalidArgument, "BadRequest", &shared.BadRequest{Message: grpcstatus.Convert(err).Message()})
}

func packed(code codes.Code, message string, detail proto.Message) *status.Status {
	s := &status.Status{Code: int32(code), Message: message}
	if packed, err := anypb.New(detail); err == nil { // fails on invalid UTF-8 only, and then the message must do
		s.Details = []*anypb.Any{packed}
	}
	return s
}
