package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	features "github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	api "github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

const (
	defaultCacheBytes = 256 << 20
	stopWait          = 5 * time.Second
)

// Config says where the server keeps its data and how it is reached.
type Config struct {
	// Dir is the data directory: created if absent, held by this process alone. Required.
	Dir string
	// Listen is host:port; port 0 takes a free one. Empty: 127.0.0.1:0.
	Listen string
	// Insecure serves without TLS and without authentication. Open refuses it on anything but loopback.
	Insecure bool
	// Username and Password of the administrator. Empty: admin, and a generated password that is kept in Dir,
	// readable by its owner only. Unused when Insecure.
	Username, Password string
	// Users besides the administrator. Unused when Insecure.
	Users []User
	// CacheBytes is the size of the block cache. Memtables come on top, up to the same again. Zero: 256 MiB.
	CacheBytes int64
	// Logger receives what an operator should know, never event data. Nil: slog.Default().
	Logger *slog.Logger

	fs  vfs.FS           // tests put the log on a file system that fails
	now func() time.Time // tests move the clock
}

// Server is a running event store.
type Server struct {
	store      *storage.Store
	grpc       *grpc.Server
	addr       string
	connection string
	stopping   chan struct{} // ends subscriptions
	stopped    chan struct{} // the network side has ended
	close      sync.Once
	closeErr   error
}

// Open opens the log and serves it; the server accepts connections when Open returns. It fails if another
// process holds the directory or the address. ctx bounds opening only.
func Open(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(storage.Options{Dir: filepath.Join(cfg.Dir, "log"), CacheBytes: cfg.CacheBytes,
		Logger: cfg.Logger, FS: cfg.fs, Now: cfg.now})
	if err != nil {
		return nil, nameInUse(err)
	}
	s, err := serve(ctx, cfg, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return s, nil
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Dir == "" {
		return cfg, errors.New("the event store needs a data directory")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return cfg, fmt.Errorf("resolving the data directory: %w", err)
	}
	cfg.Dir = dir
	if err := createDir(cfg.Dir); err != nil {
		return cfg, fmt.Errorf("creating the data directory: %w", err)
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Insecure && !isLoopback(cfg.Listen) {
		return cfg, fmt.Errorf("an insecure event store listens on loopback only, not on %s", cfg.Listen)
	}
	if cfg.CacheBytes <= 0 {
		cfg.CacheBytes = defaultCacheBytes
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg, nil
}

// createDir makes a directory that a power loss does not take away again.
func createDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// serve starts the network side over an open log; holding the log's lock, it may write the other files.
func serve(ctx context.Context, cfg Config, store *storage.Store) (*Server, error) {
	if err := bootstrap(ctx, store); err != nil {
		return nil, err
	}
	options := transportOptions()
	var secure *secrets
	if !cfg.Insecure {
		var err error
		if secure, err = loadSecrets(cfg); err != nil {
			return nil, err
		}
		options = append(options, secure.options()...)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", cfg.Listen, err)
	}
	s := &Server{store: store, grpc: grpc.NewServer(options...), addr: listener.Addr().String(),
		stopping: make(chan struct{}), stopped: make(chan struct{})}
	s.connection = connectionString(s.addr, secure)
	api.RegisterStreamsServer(s.grpc, &streamsService{store: store, stopping: s.stopping})
	(&persistentService{store: store}).register(s.grpc)
	features.RegisterServerFeaturesServer(s.grpc, featuresService{})
	gossip.RegisterGossipServer(s.grpc, &gossipService{id: uuid.New(), listen: s.addr})
	go s.serve(listener, cfg.Logger)
	return s, nil
}

func (s *Server) serve(listener net.Listener, logger *slog.Logger) {
	ended := make(chan struct{})
	go func() {
		defer close(s.stopped)
		select {
		case <-s.store.Done(): // fail-stop: nobody is served by a log that cannot be written
			s.grpc.Stop()
			<-ended
		case <-ended:
		}
	}()
	defer close(ended)
	if err := s.grpc.Serve(listener); err != nil {
		logger.Error("the event store no longer accepts connections", "error", err)
	}
}

// bootstrap gives a new log its first stream: clients read $users to see whether a server is ready.
func bootstrap(ctx context.Context, store *storage.Store) error {
	_, err := store.Append(ctx, "$users", storage.ExpectNoStream, []storage.Event{{ID: usersEventID,
		Type: "$User", JSON: true, Data: []byte(`"admin"`)}})
	var deleted *storage.StreamDeletedError
	if err != nil && !errors.As(err, &deleted) {
		return fmt.Errorf("initialising the event log: %w", err)
	}
	return nil
}

// usersEventID is fixed, which makes bootstrap an idempotent append.
var usersEventID = uuid.MustParse("6f7a4f0e-5d0b-5c39-9b3e-2a7c1d1b7f10")

// ConnectionString is what the official clients take. Unless the server is insecure it holds the password:
// do not log it.
func (s *Server) ConnectionString() string { return s.connection }

// Addr is the host:port listened on.
func (s *Server) Addr() string { return s.addr }

// Done is closed when a commit failed and the server stopped for good; Err then says why.
func (s *Server) Done() <-chan struct{} { return s.store.Done() }

// Err is nil until the server failed.
func (s *Server) Err() error { return s.store.Err() }

// Close ends subscriptions, lets calls under way finish for up to five seconds, flushes the log and releases
// the directory. It returns the failure, if the server had failed before.
func (s *Server) Close() error {
	s.close.Do(func() {
		close(s.stopping)
		graceful := make(chan struct{})
		go func() {
			defer close(graceful)
			s.grpc.GracefulStop()
		}()
		timer := time.NewTimer(stopWait)
		defer timer.Stop()
		select {
		case <-graceful:
		case <-timer.C:
			s.grpc.Stop()
			<-graceful
		}
		<-s.stopped
		s.closeErr = s.store.Close()
	})
	return s.closeErr
}
