//go:build unix

// Package filelock locks a file against other processes. The system drops the lock when the process ends, however it
// ends. It is no lock between goroutines, nor on a network file system that lacks flock.
package filelock

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
)

// ErrHeld says that the file is locked already.
var ErrHeld = errors.New("the file is locked")

// Take locks the file, made if missing, until release is called. It does not wait: it fails with ErrHeld.
func Take(path string) (release func(), err error) {
	// A bare descriptor: an *os.File that nobody refers to is closed by the garbage collector, and its lock with it.
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	release = sync.OnceFunc(func() { _ = syscall.Close(fd) })
	err = syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrHeld
	}
	if err != nil {
		release()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return release, nil
}
