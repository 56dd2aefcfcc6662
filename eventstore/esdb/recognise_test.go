package esdb_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/embedded"
	"github.com/kdesk/client-secrets/eventstore/esdb"
)

// serveOn runs a server on a folder and an address until the returned function is called.
func serveOn(t *testing.T, dir, listen string) (address string, stop func()) {
	server, err := embedded.Open(context.Background(), embedded.Config{Dir: dir, Listen: listen, Insecure: true, CacheBytes: 8 << 20,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	return server.Addr(), func() { require.NoError(t, server.Close()) }
}

func appendSome(t *testing.T, log *esdb.Log, n int) {
	for range n {
		_, err := log.Append(context.Background(), "secret-1", eventstore.AnyRevision(),
			[]eventstore.Proposed{{ID: uuid.New(), Type: "secret.happened.v1", Data: []byte("{}"), Metadata: []byte("{}")}})
		require.NoError(t, err)
	}
}

// TestASubscriptionDoesNotGoOnInAnotherLog: the server comes back with a log that is shorter, or longer but other.
func TestASubscriptionDoesNotGoOnInAnotherLog(t *testing.T) {
	for name, events := range map[string]int{"shorter": 1, "longer": 50} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, stop := serveOn(t, t.TempDir(), "127.0.0.1:0")
			open := func() *esdb.Log {
				log, err := esdb.Open(context.Background(), esdb.Config{URL: "esdb://" + address + "?tls=false", Logger: slog.New(slog.DiscardHandler)})
				require.NoError(t, err)
				t.Cleanup(log.Close)
				return log
			}
			log := open()
			appendSome(t, log, 10)
			delivered, ended := make(chan struct{}, 100), make(chan error, 1)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			go func() {
				ended <- log.Subscribe(ctx, eventstore.Start, eventstore.Filter{}, func(eventstore.Record) error {
					delivered <- struct{}{}
					return nil
				}, nil)
			}()
			for range 10 {
				<-delivered
			}
			stop()
			other := t.TempDir()
			elsewhere, stopElsewhere := serveOn(t, other, "127.0.0.1:0")
			there, err := esdb.Open(ctx, esdb.Config{URL: "esdb://" + elsewhere + "?tls=false", Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			appendSome(t, there, events)
			there.Close()
			stopElsewhere()
			_, stop = serveOn(t, other, address)
			defer stop()
			require.ErrorIs(t, <-ended, eventstore.ErrForeignLog)
			require.Empty(t, delivered, "nothing of the other log")
		})
	}
}
