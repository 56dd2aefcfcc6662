package esdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"github.com/kdesk/client-secrets/eventstore"
)

// errRetired tells that a call did not start because its client had lost the connection.
var errRetired = errors.New("the connection was lost")

// errClosed tells that there will be no connection any more.
var errClosed = fmt.Errorf("%w: the client is closed", eventstore.ErrUnavailable)

// drainLimit bounds how long the calls of a lost client may take to notice.
const drainLimit = 15 * time.Second

// supervisor always has one connected client, or is connecting one.
type supervisor struct {
	settings esdb.Configuration
	logger   *slog.Logger
	stop     context.CancelFunc
	stopped  chan struct{}
	draining sync.WaitGroup

	mu      sync.Mutex
	current *client
	changed chan struct{} // closed when current changes
	failure error         // of the last attempt to connect
	closed  bool
}

func supervise(ctx context.Context, settings esdb.Configuration, logger *slog.Logger) *supervisor {
	ctx, stop := context.WithCancel(ctx)
	s := &supervisor{settings: settings, logger: logger, stop: stop, stopped: make(chan struct{}), changed: make(chan struct{})}
	go s.run(ctx)
	return s
}

// run connects, waits until the client is lost, and connects again; after a pause if it did not last.
func (s *supervisor) run(ctx context.Context) {
	defer close(s.stopped)
	for failures := 0; ctx.Err() == nil; {
		c, err := connect(ctx, s.settings, s.logger)
		if err != nil {
			s.set(nil, err)
			if failures == 0 && ctx.Err() == nil {
				s.logger.Warn("the event log cannot be reached", "error", err)
			}
			pause(ctx, failures)
			failures++
			continue
		}
		connected := time.Now()
		s.logger.Info("connected to the event log")
		s.serve(ctx, c)
		if failures = 0; time.Since(connected) < time.Second {
			failures = 1
			pause(ctx, failures)
		}
	}
}

// serve offers a client until it is lost, and has it closed once it is drained.
func (s *supervisor) serve(ctx context.Context, c *client) {
	s.set(c, nil)
	select {
	case <-c.retired:
		s.logger.Warn("the connection to the event log was lost")
	case <-ctx.Done():
	}
	s.set(nil, errRetired)
	s.draining.Go(func() {
		drained := make(chan struct{})
		go func() {
			c.calls.Wait()
			close(drained)
		}()
		select {
		case <-drained:
		case <-time.After(drainLimit):
		}
		_ = c.Close() // never fails; calls that still hang in the client panic, which guarded catches
	})
}

func (s *supervisor) set(c *client, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.failure = c, failure
	close(s.changed)
	s.changed = make(chan struct{})
}

// acquire returns a connected client, waiting for one as long as ctx allows. The caller calls its ended in the end.
func (s *supervisor) acquire(ctx context.Context) (*client, error) {
	for {
		s.mu.Lock()
		c, changed, failure, closed := s.current, s.changed, s.failure, s.closed
		if c != nil && !closed {
			c.calls.Add(1)
			s.mu.Unlock()
			return c, nil
		}
		s.mu.Unlock()
		if closed {
			return nil, errClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w (last failure: %w)", eventstore.ErrUnavailable, ctx.Err(), failure)
		}
	}
}

// close stops connecting. It waits for calls that are under way, up to drainLimit.
func (s *supervisor) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	<-s.stopped
	s.draining.Wait()
}

// pause waits with exponential back-off and jitter, 25 ms to 1 s. It reports whether ctx still lives.
func pause(ctx context.Context, failures int) bool {
	most := min(time.Second, 50*time.Millisecond<<min(failures, 5))
	timer := time.NewTimer(most/2 + rand.N(most/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
