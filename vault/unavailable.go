package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
	"gocloud.dev/gcerrors"
)

// databaseError marks an error as ErrUnavailable if it means that the database could not be worked with for now. Others,
// such as a statement that is wrong, stay what they are.
func databaseError(err error) error {
	var told *pgconn.PgError
	var unconnected *pgconn.ConnectError
	var network net.Error // deadlines too
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unconnected):
	case errors.As(err, &told):
		if !passing(told.Code) {
			return err
		}
	case errors.As(err, &network), pgconn.SafeToRetry(err), errors.Is(err, puddle.ErrClosedPool), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded):
	default:
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// passing tells whether a SQLSTATE is of a server that cannot be worked with for now: a broken connection (class 08), a lost
// race (40), no resources (53), an operator at work (57), a failing system (58), or a standby that takes no writes (25006).
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func passing(state string) bool {
	return len(state) == 5 && (state == "25006" || slices.Contains([]string{"08", "40", "53", "57", "58"}, state[:2]))
}

// failure marks an error of the root key as ErrUnavailable, unless the key service answered that it does not know the
// ciphertext or the key.
func (r rootKey) failure(err error) error {
	if err == nil || !r.remote {
		return err
	}
	switch gcerrors.Code(err) {
	case gcerrors.InvalidArgument, gcerrors.NotFound, gcerrors.Unimplemented:
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// rootCall is the root key during one call of Tink's, which passes errors on as text only: it keeps the error itself.
type rootCall struct {
	rootKey
	err error
}

// EncryptWithContext encrypts and keeps the error.
func (c *rootCall) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) (ciphertext []byte, err error) {
	ciphertext, c.err = c.rootKey.EncryptWithContext(ctx, plaintext, associatedData)
	return ciphertext, c.err
}

// DecryptWithContext decrypts and keeps the error.
func (c *rootCall) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) (plaintext []byte, err error) {
	plaintext, c.err = c.rootKey.DecryptWithContext(ctx, ciphertext, associatedData)
	return plaintext, c.err
}

// reason returns the kept error, or else what Tink says.
func (c *rootCall) reason(said error) error {
	if c.err != nil {
		return c.err
	}
	return said
}
