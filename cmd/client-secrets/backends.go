package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/embedded"
	"github.com/kdesk/client-secrets/eventstore/esdb"
	"github.com/kdesk/client-secrets/platform/postgres"
	"github.com/kdesk/client-secrets/platform/postgres/operations"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/vault"
)

const embeddedScheme = "embedded:"

// backends are the log, the database and the vault that everything stands on.
type backends struct {
	log   *esdb.Log
	pool  *pgxpool.Pool
	vault *vault.Vault
	codec *eventstore.Codec

	dev        bool
	keyBackups time.Duration // how long backups of the vault's keys are kept

	database *database // the embedded one that this process runs; nil if it runs none

	holder string          // this instance's name in leases, if there can be no other one; "" makes one up
	failed <-chan struct{} // closed when the embedded event log has stopped by itself; nil if this process runs none
	closes []func() error  // newest last
}

// openBackends connects to the log, the database and the vault. Those that are embedded are started, unless another
// process runs them on the same folder already: then that one is used.
func openBackends(ctx context.Context, c config, logger *slog.Logger) (b *backends, err error) {
	b = &backends{dev: c.dev, keyBackups: c.KeyBackups}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if err := os.MkdirAll(c.DataDir, 0o755); c.dev && err != nil {
		return b, fmt.Errorf("making DATA_DIR: %w", err)
	}
	if err := b.openDatabase(ctx, c, logger); err != nil {
		return b, err
	}
	if err := b.openLog(ctx, c, logger); err != nil {
		return b, err
	}
	b.vault, err = vault.Open(ctx, vault.Config{Pool: b.pool, KMSURL: c.KMSURL, CreateKey: c.dev, BlobURL: c.BlobURL})
	if err != nil {
		return b, err
	}
	b.closes = append(b.closes, b.vault.Close)
	b.codec = &eventstore.Codec{Keys: b.vault}
	return b, errors.Join(projections.Migrate(ctx, b.pool), operations.Migrate(ctx, b.pool))
}

func (b *backends) openDatabase(ctx context.Context, c config, logger *slog.Logger) error {
	url := c.DatabaseURL
	if folder, ok := strings.CutPrefix(url, embeddedScheme); ok {
		private, err := startDatabase(ctx, folder, logger)
		switch running, found := postgres.RunningURL(folder); {
		case err == nil:
			b.database = &database{folder: folder, logger: logger, server: private}
			b.closes = append(b.closes, b.database.close)
			url = private.URL()
		case errors.Is(err, postgres.ErrInUse) && found:
			url = running
		default:
			return err
		}
	}
	pool, err := postgres.Open(ctx, withConnections(url, c.DatabaseConnections))
	if err != nil {
		return err
	}
	b.pool = pool
	b.closes = append(b.closes, func() error { pool.Close(); return nil })
	return nil
}

// withConnections bounds the pool unless the connection string does.
func withConnections(url string, n int) string {
	if strings.Contains(url, "pool_max_conns") || !strings.Contains(url, "://") {
		return url
	}
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return fmt.Sprintf("%s%spool_max_conns=%d", url, separator, n)
}

func (b *backends) openLog(ctx context.Context, c config, logger *slog.Logger) error {
	url := c.EventStoreURL
	if folder, ok := strings.CutPrefix(url, embeddedScheme); ok {
		var err error
		if url, err = b.startLog(ctx, folder, c, logger); err != nil {
			return err
		}
	}
	log, err := esdb.Open(ctx, esdb.Config{URL: url, Logger: logger})
	if err != nil {
		return err
	}
	b.log = log
	b.closes = append(b.closes, func() error { log.Close(); return nil })
	return nil
}

// connectionFile is where the process that runs the embedded log tells others of the same user how to reach it.
const connectionFile = "connection"

func (b *backends) startLog(ctx context.Context, folder string, c config, logger *slog.Logger) (string, error) {
	server, err := embedded.Open(ctx, embedded.Config{Dir: folder, CacheBytes: c.EventStoreCache, Logger: logger})
	file := filepath.Join(folder, connectionFile)
	if errors.Is(err, embedded.ErrInUse) {
		url, readErr := os.ReadFile(file)
		return string(url), errors.Join(readErr)
	}
	if err != nil {
		return "", err
	}
	b.closes = append(b.closes, server.Close)
	// Whoever runs the log is alone with it: after a crash the next one takes its leases over at once.
	b.failed, b.holder = server.Done(), "the embedded event log's process"
	if err := os.WriteFile(file, []byte(server.ConnectionString()), 0o600); err != nil {
		return "", fmt.Errorf("telling how to reach the event log: %w", err)
	}
	return server.ConnectionString(), nil
}

// close ends what was opened, newest first.
func (b *backends) close() error {
	var all []error
	for i := len(b.closes) - 1; i >= 0; i-- {
		all = append(all, b.closes[i]())
	}
	b.closes = nil
	return errors.Join(all...)
}
