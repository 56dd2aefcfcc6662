// Package esdb adapts the official EventStoreDB client to eventstore.Log, and eventstore.Feed to Watermill.
//
// The client gives up for good once it cannot connect, and may then block its callers for ever. Therefore every call
// goes through a supervised client (see client): a broken one is replaced, and closed once its last call is over. The
// package keeps no position and no checkpoint; those belong to whoever consumes.
package esdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/kdesk/client-secrets/eventstore"
)

// Config says which log to use and how long to wait for it.
type Config struct {
	// URL is a connection string, esdb://... or esdb+discover://... Certificates must be verified, and credentials need
	// TLS: the client would drop them silently.
	URL string
	// Logger gets connects, losses and retries, never payloads. Nil: slog.Default().
	Logger *slog.Logger
	// AppendTimeout bounds an append, with its retries, whose context has no deadline. 0: 5 s.
	AppendTimeout time.Duration
	// IdleTimeout bounds the wait for the next event of a read whose context has no deadline. 0: 10 s.
	IdleTimeout time.Duration
}

// Log is an eventstore.Log on an EventStoreDB. It is safe for concurrent use.
type Log struct {
	config  Config
	appends *supervisor // separate connections, so that bulk reads do not delay appends
	reads   *supervisor
	follows *supervisor
	closing context.Context // ends subscriptions
	close   context.CancelFunc
}

var _ eventstore.Log = (*Log)(nil)

// Open starts connecting and returns at once; it fails for an unusable configuration only. Ready tells when the log can
// be reached. The connections last until Close, not until ctx ends.
func Open(ctx context.Context, config Config) (*Log, error) {
	settings, err := parse(config.URL)
	if err != nil {
		return nil, fmt.Errorf("opening the event log: %w", err)
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.AppendTimeout == 0 {
		config.AppendTimeout = 5 * time.Second
	}
	if config.IdleTimeout == 0 {
		config.IdleTimeout = 10 * time.Second
	}
	ctx = context.WithoutCancel(ctx)
	closing, closeIt := context.WithCancel(ctx)
	return &Log{
		config: config, closing: closing, close: closeIt,
		appends: supervise(ctx, *settings, config.Logger.With("log_client", "appends")),
		reads:   supervise(ctx, *settings, config.Logger.With("log_client", "reads")),
		follows: supervise(ctx, *settings, config.Logger.With("log_client", "subscriptions")),
	}, nil
}

// Close ends subscriptions, waits for other calls, up to 15 s, and ends the connections. Later calls fail with
// ErrUnavailable.
func (l *Log) Close() {
	l.close()
	l.appends.close()
	l.reads.close()
	l.follows.close()
}

// parse reads a connection string and refuses what would be unsafe.
func parse(url string) (*esdb.Configuration, error) {
	settings, err := esdb.ParseConnectionString(url)
	switch {
	case err != nil:
		return nil, errors.New("the connection string is malformed") // the client's error may repeat the password
	case settings.SkipCertificateVerification:
		return nil, errors.New("tlsVerifyCert=false is refused: name the authority with tlsCaFile")
	case settings.DisableTLS && settings.Username != "":
		return nil, errors.New("credentials need TLS: the client would not send them without")
	}
	settings.MaxDiscoverAttempts = 1 // the supervisor repeats, with a back-off of its own
	settings.DiscoveryInterval = 1
	return settings, nil
}
