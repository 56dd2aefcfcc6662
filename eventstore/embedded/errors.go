package embedded

import (
	"context"
	"errors"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// refusal is an error with the trailers by which clients recognise it.
type refusal struct {
	code     codes.Code
	text     string
	trailers metadata.MD
}

func (r *refusal) Error() string { return r.text }

// GRPCStatus makes the refusal a gRPC status.
func (r *refusal) GRPCStatus() *status.Status { return status.New(r.code, r.text) }

func invalid(format string, args ...any) error {
	return status.Errorf(codes.InvalidArgument, format, args...)
}

func streamDeleted(stream string) error {
	return &refusal{code: codes.FailedPrecondition, text: "Event stream '" + stream + "' is deleted.",
		trailers: metadata.Pairs("exception", "stream-deleted", "stream-name", stream)}
}

func accessDenied() error {
	return &refusal{code: codes.PermissionDenied, text: "Access Denied", trailers: metadata.Pairs("exception", "access-denied")}
}

func tooLarge() error {
	return &refusal{code: codes.InvalidArgument,
		text: "Maximum Append Size of " + strconv.Itoa(MaxAppendSize) + " Exceeded.",
		trailers: metadata.Pairs("exception", "maximum-append-size-exceeded",
			"maximum-append-size", strconv.Itoa(MaxAppendSize))}
}

func wrongVersion(e *storage.WrongRevisionError) error {
	expected, actual := strconv.FormatInt(int64(e.Expected), 10), strconv.FormatInt(e.Actual, 10)
	return &refusal{code: codes.FailedPrecondition,
		text: "Append failed due to WrongExpectedVersion. Stream: " + e.Stream + ", Expected version: " + expected +
			", Actual version: " + actual,
		trailers: metadata.Pairs("exception", "wrong-expected-version", "stream-name", e.Stream,
			"expected-version", expected, "actual-version", actual)}
}

// toStatus maps what the log answers. setTrailer passes the trailers on.
func toStatus(err error, setTrailer func(metadata.MD)) error {
	var wrong *storage.WrongRevisionError
	var deleted *storage.StreamDeletedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		err = wrongVersion(wrong)
	case errors.As(err, &deleted):
		err = streamDeleted(deleted.Stream)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	case errors.Is(err, storage.ErrFull):
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	var refused *refusal
	if errors.As(err, &refused) {
		setTrailer(refused.trailers)
		return refused
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	if errors.Is(err, storage.ErrClosed) || errors.Is(err, storage.ErrStopped) {
		return status.Error(codes.Unavailable, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}
