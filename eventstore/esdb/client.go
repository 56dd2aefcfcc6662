package esdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// client is one connection of the official client, from connect to drain. It is used only while that connection lasts.
//
// The official client forgets its connection on the first "unavailable" and connects anew on the next call. If that
// fails it is dead: the old connection leaks and callers block. So no call may start once one has failed: begin and
// retire exclude each other, and retire runs in the client's log hook, just before the client forgets.
type client struct {
	*esdb.Client
	calls   sync.WaitGroup
	gate    sync.RWMutex
	broken  bool
	retired chan struct{}
}

// connect returns a client that has a connection. It waits as long as the client's own time limit and ctx allow.
func connect(ctx context.Context, settings esdb.Configuration, logger *slog.Logger) (*client, error) {
	c := &client{retired: make(chan struct{})}
	settings.Logger = c.hook(logger)
	vendor, err := esdb.NewClient(&settings)
	if err != nil {
		return nil, fmt.Errorf("configuring the client: %w", err)
	}
	c.Client = vendor
	connected := make(chan error, 1)
	go func() {
		_, err := vendor.GetServerVersion() // connects; takes no context
		connected <- err
	}()
	select {
	case err := <-connected:
		if err != nil {
			_ = vendor.Close() // never fails
			return nil, fmt.Errorf("connecting: %w", err)
		}
		return c, nil
	case <-ctx.Done():
		go func() {
			<-connected
			_ = vendor.Close()
		}()
		return nil, ctx.Err()
	}
}

// hook receives the client's log lines and notices the loss of the connection in them.
func (c *client) hook(logger *slog.Logger) esdb.LoggingFunc {
	return func(level esdb.LogLevel, format string, args ...any) {
		for _, arg := range args {
			if err, ok := arg.(error); ok && level == esdb.LogError && status.Code(err) == codes.Unavailable {
				c.retire()
			}
		}
		if logger.Enabled(context.Background(), slog.LevelDebug) {
			logger.Debug("event log client: " + fmt.Sprintf(format, args...))
		}
	}
}

// ended looks at how a call ended, in case the log hook has missed that the connection is lost.
func (c *client) ended(err error) {
	var failure *esdb.Error
	if errors.As(err, &failure) && (failure.Code() == esdb.ErrorUnavailable || failure.Code() == esdb.ErrorCodeConnectionClosed) {
		c.retire()
	}
	c.calls.Done()
}

// retire lets no further call start.
func (c *client) retire() {
	c.gate.Lock()
	defer c.gate.Unlock()
	if !c.broken {
		c.broken = true
		close(c.retired)
	}
}

// start runs the beginning of a call of the client, unless it is retired. A panic of the client becomes an error.
func (c *client) start(ctx context.Context, call func(ctx context.Context) error) (err error) {
	c.gate.RLock()
	if c.broken {
		c.gate.RUnlock()
		return errRetired
	}
	starting := &starting{Context: ctx, begun: c.gate.RUnlock}
	defer starting.begin()
	return guarded(func() error { return call(starting) })
}

// starting is a context that tells when the client first asks for its deadline: by then the client has taken the
// connection for the call and the rest of the call cannot make it connect.
type starting struct {
	context.Context
	once  sync.Once
	begun func()
}

func (s *starting) begin() { s.once.Do(s.begun) }

// Deadline is asked for when the client derives the context of the remote call.
func (s *starting) Deadline() (time.Time, bool) {
	s.begin()
	return s.Context.Deadline()
}

// guarded turns a panic of the official client into an error.
func guarded(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the event log client panicked: %v", p)
		}
	}()
	return call()
}
