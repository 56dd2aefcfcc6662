//go:build !unix

package postgres

import (
	"context"
	"errors"
	"log/slog"
)

// PrivateConfig says where and how a private server runs.
type PrivateConfig struct {
	Dir          string
	Logger       *slog.Logger
	Durable, TCP bool
	Port         int
}

// ErrInUse says that another process runs a private server on the folder.
var ErrInUse = errors.New("another process runs a private PostgreSQL there")

// ErrNoServer says that a private server cannot run here.
var ErrNoServer = errors.New("a private PostgreSQL runs on Unix systems only; set DATABASE_URL to a running server")

// Private is a running private server; there is none on this system.
type Private struct{}

// StartPrivate always fails with ErrNoServer on this system.
func StartPrivate(context.Context, PrivateConfig) (*Private, error) { return nil, ErrNoServer }

// URL is empty.
func (*Private) URL() string { return "" }

// TCPURL is empty.
func (*Private) TCPURL() string { return "" }

// Done is never closed.
func (*Private) Done() <-chan struct{} { return nil }

// Close does nothing.
func (*Private) Close() error { return nil }

// RunningURL finds nothing on this system.
func RunningURL(string) (string, bool) { return "", false }
