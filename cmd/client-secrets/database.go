package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kdesk/client-secrets/platform/postgres"
)

// database is the embedded PostgreSQL of this process. It is started again when it ends by itself.
type database struct {
	folder string
	logger *slog.Logger

	mu     sync.Mutex
	server *postgres.Private
}

func startDatabase(ctx context.Context, folder string, logger *slog.Logger) (*postgres.Private, error) {
	return postgres.StartPrivate(ctx, postgres.PrivateConfig{Dir: folder, Logger: logger, Durable: true})
}

func (d *database) current() *postgres.Private {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.server
}

// keep starts the server again whenever it has ended, until ctx ends. Its address stays the same, so the pool finds it.
func (d *database) keep(ctx context.Context) error {
	for {
		ended := d.current()
		select {
		case <-ended.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
		d.logger.ErrorContext(ctx, "the embedded database has ended by itself and is started again")
		if err := d.restart(ctx, ended); err != nil {
			return err
		}
	}
}

const restartTries = 5

func (d *database) restart(ctx context.Context, ended *postgres.Private) error {
	_ = ended.Close() // releases the folder; that the server ended badly is known
	for try := 1; ; try++ {
		server, err := startDatabase(ctx, d.folder, d.logger)
		if err == nil {
			d.mu.Lock()
			d.server = server
			d.mu.Unlock()
			return nil
		}
		if try == restartTries {
			return fmt.Errorf("starting the embedded database again: %w", err)
		}
		select {
		case <-time.After(time.Duration(try) * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *database) close() error { return d.current().Close() }
