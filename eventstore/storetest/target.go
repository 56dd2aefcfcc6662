package storetest

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	features "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// target is the server under test: by the official client, and by its raw protocol for what the client hides or
// does not use.
type target struct {
	client *esdb.Client
	raw    api.StreamsClient
	header metadata.MD // of raw calls
}

func dial(t *testing.T, connection string) *target {
	cfg, err := esdb.ParseConnectionString(connection)
	require.NoError(t, err, "the connection string")
	cfg.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	address := cfg.Address
	if len(cfg.GossipSeeds) > 0 {
		address = net.JoinHostPort(cfg.GossipSeeds[0].Host, strconv.Itoa(int(cfg.GossipSeeds[0].Port)))
	}
	header := metadata.Pairs("requires-leader", "false")
	transport := insecure.NewCredentials()
	if !cfg.DisableTLS {
		transport = credentials.NewTLS(&tls.Config{RootCAs: cfg.RootCAs, InsecureSkipVerify: cfg.SkipCertificateVerification})
		basic := base64.StdEncoding.EncodeToString([]byte(cfg.Username + ":" + cfg.Password))
		header.Set("authorization", "Basic "+basic)
	}
	conn, err := grpc.NewClient(strings.TrimPrefix(address, "//"), grpc.WithTransportCredentials(transport))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	_, err = features.NewServerFeaturesClient(conn).GetSupportedMethods(within(t), &shared.Empty{})
	require.NoError(t, err, "reaching the server") // or each test would wait for it
	return &target{client: client, raw: api.NewStreamsClient(conn), header: header}
}

// within bounds a call.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// rawContext is the context of a raw call.
func (s *target) rawContext(t testing.TB) context.Context {
	t.Helper()
	return metadata.NewOutgoingContext(within(t), s.header)
}

// newStream is a name that nobody else uses.
func newStream() string { return "suite-" + uuid.NewString() }

func newEvent() esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: "happened", ContentType: esdb.ContentTypeJson, Data: []byte(`{"n":1}`)}
}

func newEvents(n int) []esdb.EventData {
	out := make([]esdb.EventData, n)
	for i := range out {
		out[i] = newEvent()
		out[i].Data = fmt.Appendf(nil, `{"n":%d}`, i)
	}
	return out
}

func (s *target) tryAppend(t testing.TB, stream string, expected esdb.ExpectedRevision, events ...esdb.EventData) (*esdb.WriteResult, error) {
	t.Helper()
	return s.client.AppendToStream(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
}

func (s *target) append(t testing.TB, stream string, expected esdb.ExpectedRevision, events ...esdb.EventData) *esdb.WriteResult {
	t.Helper()
	result, err := s.tryAppend(t, stream, expected, events...)
	require.NoError(t, err)
	return result
}

// mark appends to a stream of its own: what comes later in the log has a higher position.
func (s *target) mark(t testing.TB) esdb.Position {
	t.Helper()
	return positionOf(s.append(t, newStream(), esdb.NoStream{}, newEvent()))
}

func positionOf(r *esdb.WriteResult) esdb.Position {
	return esdb.Position{Commit: r.CommitPosition, Prepare: r.PreparePosition}
}

func (s *target) read(t testing.TB, stream string, o esdb.ReadStreamOptions, count uint64) []*esdb.ResolvedEvent {
	t.Helper()
	r, err := s.client.ReadStream(within(t), stream, o, count)
	return collect(t, r, err)
}

// readFrom reads a stream forwards to its end.
func (s *target) readFrom(t testing.TB, stream string, from esdb.StreamPosition) []*esdb.ResolvedEvent {
	t.Helper()
	return s.read(t, stream, esdb.ReadStreamOptions{From: from}, math.MaxInt32)
}

// readBack reads a stream backwards from its end.
func (s *target) readBack(t testing.TB, stream string) []*esdb.ResolvedEvent {
	t.Helper()
	return s.read(t, stream, esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards}, math.MaxInt32)
}

// readError is what a stream read answers at first.
func (s *target) readError(t testing.TB, stream string) error {
	t.Helper()
	r, err := s.client.ReadStream(within(t), stream, esdb.ReadStreamOptions{From: esdb.Start{}}, 10)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = r.Recv()
	require.Error(t, err)
	return err
}

// inLog reads the whole log forwards from a position, inclusive, and returns the events of one stream.
func (s *target) inLog(t testing.TB, from esdb.Position, stream string) []*esdb.RecordedEvent {
	t.Helper()
	r, err := s.client.ReadAll(within(t), esdb.ReadAllOptions{From: from}, math.MaxInt32)
	var out []*esdb.RecordedEvent
	for _, e := range collect(t, r, err) {
		if e.OriginalEvent().StreamID == stream {
			out = append(out, e.OriginalEvent())
		}
	}
	return out
}

func collect(t testing.TB, r *esdb.ReadStream, err error) []*esdb.ResolvedEvent {
	t.Helper()
	require.NoError(t, err)
	defer r.Close()
	out := []*esdb.ResolvedEvent{}
	for {
		e, err := r.Recv()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, e)
	}
}

func revisions(events []*esdb.ResolvedEvent) []uint64 {
	out := []uint64{}
	for _, e := range events {
		out = append(out, e.OriginalEvent().EventNumber)
	}
	return out
}

// code is the client's classification of an error.
func code(t testing.TB, err error) esdb.ErrorCode {
	t.Helper()
	var e *esdb.Error
	require.ErrorAs(t, err, &e)
	return e.Code()
}

func wrongVersion(t testing.TB, err error) {
	t.Helper()
	require.Equal(t, esdb.ErrorCodeWrongExpectedVersion, code(t, err), err)
}

func (s *target) setMetadata(t testing.TB, stream, metadata string) {
	t.Helper()
	s.append(t, "$$"+stream, esdb.Any{}, esdb.EventData{EventID: uuid.New(), EventType: "$metadata",
		ContentType: esdb.ContentTypeJson, Data: []byte(metadata)})
}

func rawID(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}}
}

func rawStream(name string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(name)}
}
