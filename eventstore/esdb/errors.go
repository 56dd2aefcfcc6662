package esdb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kdesk/client-secrets/eventstore"
)

// translate expresses a failure of the client in the contract's terms. What it does not know is ErrUnavailable: the
// outcome is then unknown.
func translate(ctx context.Context, err error) error {
	if errors.Is(err, eventstore.ErrUnavailable) {
		return err
	}
	var failure *esdb.Error
	if errors.As(err, &failure) {
		switch failure.Code() {
		case esdb.ErrorCodeWrongExpectedVersion:
			return fmt.Errorf("%w: %w", eventstore.ErrWrongRevision, err)
		case esdb.ErrorCodeStreamDeleted:
			return fmt.Errorf("%w: %w", eventstore.ErrStreamDeleted, err)
		case esdb.ErrorCodeResourceNotFound:
			return fmt.Errorf("%w: %w", eventstore.ErrStreamNotFound, err)
		case esdb.ErrorCodeAccessDenied, esdb.ErrorCodeUnauthenticated, esdb.ErrorCodeUnsupportedFeature:
			return err
		}
	}
	return translateStatus(ctx, err)
}

// translateStatus looks at the code of the remote call itself, for what the client has no code of its own.
func translateStatus(ctx context.Context, err error) error {
	var remote interface{ GRPCStatus() *status.Status }
	if errors.As(err, &remote) {
		switch code := remote.GRPCStatus().Code(); code {
		case codes.InvalidArgument:
			if strings.Contains(strings.ToLower(remote.GRPCStatus().Message()), "append size") {
				return fmt.Errorf("%w: %w", eventstore.ErrTooLarge, err)
			}
			return err
		case codes.ResourceExhausted: // also what the transport itself says of a message that is too large
			if strings.Contains(remote.GRPCStatus().Message(), "disk") {
				return fmt.Errorf("%w: %w", eventstore.ErrFull, err)
			}
			return err
		case codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented, codes.FailedPrecondition, codes.OutOfRange:
			return err
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("%w: %w", eventstore.ErrUnavailable, err)
}

// passing tells whether trying again can help.
func passing(err error) bool {
	return errors.Is(err, eventstore.ErrUnavailable) && !errors.Is(err, errClosed)
}
