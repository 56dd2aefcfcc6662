package embedded

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrInUse tells that another process holds the data directory.
var ErrInUse = errors.New("another process runs the event log in this folder")

// nameInUse makes the failure to lock the data directory recognisable.
func nameInUse(err error) error {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return err
}
