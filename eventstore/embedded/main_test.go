package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDirEnv); dir != "" {
		serveAsChild(dir)
		return
	}
	goleak.VerifyTestMain(m,
		// The official client forgets its old connection when it reconnects, as after a server failed.
		goleak.IgnoreAnyFunction("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run"),
		// Pebble cannot be closed completely after a failed write.
		goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFS).startTickerLocked.func1"))
}

var quiet = slog.New(slog.DiscardHandler)

func testConfig(dir string) Config {
	return Config{Dir: dir, Insecure: true, CacheBytes: 8 << 20, Logger: quiet}
}

// startServer opens a server that is closed with the test.
func startServer(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// connect gives a client that is closed with the test, before the server it talks to.
func connect(t testing.TB, connection string) *esdb.Client {
	t.Helper()
	cfg, err := esdb.ParseConnectionString(connection)
	require.NoError(t, err)
	cfg.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func newClient(t testing.TB) *esdb.Client {
	t.Helper()
	return connect(t, startServer(t, testConfig(t.TempDir())).ConnectionString())
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func event(kind string) esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: kind, ContentType: esdb.ContentTypeJson,
		Data: []byte(`{"n":1}`), Metadata: []byte(`{"m":2}`)}
}

func events(kind string, n int) []esdb.EventData {
	out := make([]esdb.EventData, n)
	for i := range out {
		out[i] = event(kind)
		out[i].Data = fmt.Appendf(nil, `{"n":%d}`, i)
	}
	return out
}

func appendTo(t testing.TB, c *esdb.Client, stream string, expected esdb.ExpectedRevision, es ...esdb.EventData) *esdb.WriteResult {
	t.Helper()
	result, err := c.AppendToStream(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, es...)
	require.NoError(t, err)
	return result
}

// collect reads to the end of a read.
func collect(t testing.TB, r *esdb.ReadStream, err error) []*esdb.ResolvedEvent {
	t.Helper()
	require.NoError(t, err)
	defer r.Close()
	var out []*esdb.ResolvedEvent
	for {
		e, err := r.Recv()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, e)
	}
}

func readStream(t testing.TB, c *esdb.Client, stream string, o esdb.ReadStreamOptions) []*esdb.ResolvedEvent {
	t.Helper()
	r, err := c.ReadStream(within(t), stream, o, math.MaxUint64)
	return collect(t, r, err)
}

func readAll(t testing.TB, c *esdb.Client, o esdb.ReadAllOptions) []*esdb.ResolvedEvent {
	t.Helper()
	r, err := c.ReadAll(within(t), o, math.MaxUint64)
	return collect(t, r, err)
}

func revisions(events []*esdb.ResolvedEvent) []uint64 {
	out := []uint64{}
	for _, e := range events {
		out = append(out, e.OriginalEvent().EventNumber)
	}
	return out
}

// code is the client's classification of an error; it fails without one.
func code(t testing.TB, err error) esdb.ErrorCode {
	t.Helper()
	var e *esdb.Error
	require.ErrorAs(t, err, &e)
	return e.Code()
}

// readError is what the first Recv of a stream read answers.
func readError(t testing.TB, c *esdb.Client, stream string) error {
	t.Helper()
	r, err := c.ReadStream(within(t), stream, esdb.ReadStreamOptions{From: esdb.Start{}}, 10)
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Recv()
	require.Error(t, err)
	return err
}
