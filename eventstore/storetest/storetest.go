// Package storetest gives tests a real event log: the embedded server on a temporary folder and the adapter to it.
// Its Suite holds any event store server, embedded or not, to the rules that the adapter builds upon. It does not
// test the adapter.
package storetest

import (
	"context"
	"io"
	"log/slog"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/embedded"
	"github.com/kdesk/client-secrets/eventstore/esdb"
)

// Open returns an empty log that lives as long as the test.
func Open(t testing.TB) eventstore.Log {
	return Start(t).Log(t)
}

// Server is an event store server that a test can stop and start again.
type Server struct {
	dir    string
	listen string
	server *embedded.Server // nil while stopped
}

// Start returns a running server with an empty log. It ends with the test.
func Start(t testing.TB) *Server {
	s := &Server{dir: t.TempDir(), listen: "127.0.0.1:0"}
	s.Restart(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Restart starts the server on its old port if it is stopped.
func (s *Server) Restart(t testing.TB) {
	if s.server != nil {
		return
	}
	server, err := embedded.Open(context.Background(), embedded.Config{
		Dir: s.dir, Listen: s.listen, Insecure: true, CacheBytes: 8 << 20, Logger: quiet(),
	})
	require.NoError(t, err)
	address, err := url.Parse(server.ConnectionString())
	require.NoError(t, err)
	s.server, s.listen = server, address.Host
}

// Stop ends the server and every connection to it. Its log stays.
func (s *Server) Stop(t testing.TB) {
	if s.server == nil {
		return
	}
	require.NoError(t, s.server.Close())
	s.server = nil
}

// URL returns the connection string. It stays the same through restarts.
func (s *Server) URL() string { return "esdb://" + s.listen + "?tls=false" }

// Log returns a client of the server, closed when the test ends. The server need not run.
func (s *Server) Log(t testing.TB) *esdb.Log {
	log, err := esdb.Open(context.Background(), esdb.Config{URL: s.URL(), Logger: quiet()})
	require.NoError(t, err)
	t.Cleanup(log.Close)
	return log
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
