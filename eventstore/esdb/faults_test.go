package esdb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/esdb"
	"github.com/kdesk/client-secrets/eventstore/storetest"
)

const (
	callLimit = time.Second      // deadline of each call
	callGrace = 2                // seconds for what is done after it
	beats     = 100              // a second
	recovery  = 45 * time.Second // connections that died in silence are noticed after 20 s
)

// ofTheProxy are goroutines that the proxy itself leaves behind when it cuts a connection.
var ofTheProxy = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
}

// line is the network between a log and its server.
type line struct {
	*toxiproxy.Proxy
	server *storetest.Server
	log    *esdb.Log
}

func newLine(t *testing.T) *line {
	server := storetest.Start(t)
	target, err := url.Parse(server.URL())
	require.NoError(t, err)
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(api, "line", "127.0.0.1:0", target.Host)
	require.NoError(t, proxy.Start())
	log, err := esdb.Open(t.Context(), esdb.Config{URL: strings.Replace(server.URL(), target.Host, proxy.Listen, 1),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), IdleTimeout: callLimit})
	require.NoError(t, err)
	l := &line{proxy, server, log}
	t.Cleanup(func() {
		l.heal()
		log.Close()
		proxy.Stop()
	})
	return l
}

// disturb adds a toxic to what flows in a direction, upstream or downstream.
func (l *line) disturb(t *testing.T, kind, direction string, attributes map[string]any) {
	t.Helper()
	toxic, err := json.Marshal(map[string]any{"type": kind, "stream": direction, "attributes": attributes})
	require.NoError(t, err)
	_, err = l.Toxics.AddToxicJson(bytes.NewReader(toxic))
	require.NoError(t, err)
}

func (l *line) heal() { l.Toxics.ResetToxics(context.Background()) }

// traffic is clients at work, each checking that it is told the truth in time.
type traffic struct {
	*line
	t        *testing.T
	clients  sync.WaitGroup
	ending   atomic.Bool
	mu       sync.Mutex
	stored   map[uuid.UUID]bool // acknowledged
	seen     []uuid.UUID        // by the subscription, in order
	failures int
	calls    int
	longest  time.Duration // of a call
	late     int64         // the most beats that one went on when its deadline was over
	pulse    atomic.Int64
}

const writers = 4

func start(t *testing.T, l *line) (w *traffic, stop func()) {
	w = &traffic{line: l, t: t, stored: map[uuid.UUID]bool{}}
	for i := range writers {
		w.clients.Go(func() { w.write(fmt.Sprintf("thing-%d", i)) })
	}
	w.clients.Go(w.read)
	ctx, cancel := context.WithCancel(context.Background())
	var beating sync.WaitGroup
	beating.Go(func() { w.beat(ctx) })
	ended := make(chan error, 1)
	go func() {
		ended <- l.log.Subscribe(ctx, eventstore.Start, eventstore.Filter{}, func(r eventstore.Record) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen = append(w.seen, r.ID)
			return nil
		}, nil)
	}()
	t.Cleanup(func() { // after a failure there is still traffic
		w.ending.Store(true)
		cancel()
		w.clients.Wait()
		beating.Wait()
	})
	return w, func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}

// beat counts hundredths of a second, as far as the process gets a processor: all that could run has run between two.
func (w *traffic) beat(ctx context.Context) {
	ticks := time.NewTicker(time.Second / beats)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			w.pulse.Add(1)
		case <-ctx.Done():
			return
		}
	}
}

// timed makes a call with a deadline, and notes whether it failed and kept to it. Lateness is measured by the pulse and
// not by the clock: a busy machine gives the process no processor for seconds.
func (w *traffic) timed(limit time.Duration, call func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	noticed := make(chan int64, 1)
	stop := context.AfterFunc(ctx, func() { noticed <- w.pulse.Load() })
	begun := time.Now()
	err := call(ctx)
	took, late := time.Since(begun), int64(0)
	if !stop() {
		late = w.pulse.Load() - <-noticed
		assert.Less(w.t, late, int64(callGrace*beats), "waited past the deadline, %v in all", took)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	w.late, w.longest = max(w.late, late), max(w.longest, took)
	if err != nil {
		w.failures++
	}
	return err
}

// write appends and repeats what failed with the same ids, until it is acknowledged, also at the end: what a caller gave up
// may still come.
func (w *traffic) write(stream string) {
	expected := eventstore.NoStream()
	for events := proposed(3); ; {
		var appended eventstore.Appended
		err := w.timed(callLimit, func(ctx context.Context) (err error) {
			appended, err = w.log.Append(ctx, stream, expected, events)
			return err
		})
		if err != nil {
			assert.ErrorIs(w.t, err, eventstore.ErrUnavailable)
			if w.ending.Load() && w.t.Failed() {
				return
			}
			continue
		}
		w.mu.Lock()
		for _, e := range events {
			w.stored[e.ID] = true
		}
		w.mu.Unlock()
		if w.ending.Load() {
			return
		}
		expected, events = eventstore.Exact(appended.Revision), proposed(3)
	}
}

// read reads the log. What ends without an error has everything that was acknowledged before it began.
func (w *traffic) read() {
	for !w.ending.Load() {
		w.mu.Lock()
		least := len(w.stored)
		w.mu.Unlock()
		n := 0
		err := w.timed(callLimit, func(ctx context.Context) error {
			_, err := w.log.Scan(ctx, eventstore.Start, eventstore.Filter{}, func(eventstore.Record) bool { n++; return true })
			return err
		})
		if err == nil {
			assert.GreaterOrEqual(w.t, n, least, "a failure was read as the end")
		} else {
			assert.ErrorIs(w.t, err, eventstore.ErrUnavailable)
		}
	}
}

func (w *traffic) acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.stored)
}

// settle waits until writes get through, ends the traffic, and compares what everybody saw.
func (w *traffic) settle() {
	before := w.acknowledged()
	require.Eventually(w.t, func() bool { return w.acknowledged() > before+50 }, recovery, 10*time.Millisecond, "it works again")
	w.ending.Store(true)
	w.clients.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), recovery)
	defer cancel()
	var want []uuid.UUID
	for r, err := range w.log.ReadAll(ctx, eventstore.Start, 0, eventstore.Filter{}) {
		require.NoError(w.t, err)
		want = append(want, r.ID)
	}
	require.Eventually(w.t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.seen) >= len(want)
	}, recovery, 10*time.Millisecond, "the subscription resumes")
	require.Equal(w.t, want, w.seen, "no gap, nothing twice")
	there := map[uuid.UUID]bool{}
	for _, id := range want {
		assert.False(w.t, there[id], "an append was repeated, not written twice")
		there[id] = true
	}
	for id := range w.stored {
		require.True(w.t, there[id], "an acknowledged event is there")
	}
}

// faultTime is how long a fault lasts: EVENTSTORE_FAULT=60s makes it a long run.
func faultTime(t *testing.T) time.Duration {
	text := os.Getenv("EVENTSTORE_FAULT")
	if text == "" {
		return 1500 * time.Millisecond
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

func TestFaultsOfTheNetwork(t *testing.T) {
	none := map[string]any{}
	for name, fault := range map[string]func(t *testing.T, l *line, until <-chan time.Time){
		"latency": func(t *testing.T, l *line, until <-chan time.Time) {
			l.disturb(t, "latency", "upstream", map[string]any{"latency": 100, "jitter": 80})
			l.disturb(t, "latency", "downstream", map[string]any{"latency": 100, "jitter": 80})
			<-until
		},
		"latency beyond the deadline": func(t *testing.T, l *line, until <-chan time.Time) {
			l.disturb(t, "latency", "downstream", map[string]any{"latency": 1200})
			<-until
		},
		"little bandwidth": func(t *testing.T, l *line, until <-chan time.Time) {
			l.disturb(t, "bandwidth", "downstream", map[string]any{"rate": 20})
			<-until
		},
		"small pieces": func(t *testing.T, l *line, until <-chan time.Time) {
			l.disturb(t, "slicer", "downstream", map[string]any{"average_size": 64, "size_variation": 32, "delay": 100})
			<-until
		},
		"cut in the middle of a message": func(t *testing.T, l *line, until <-chan time.Time) {
			l.disturb(t, "limit_data", "downstream", map[string]any{"bytes": 3000})
			<-until
		},
		"reset": func(t *testing.T, l *line, until <-chan time.Time) {
			l.disturb(t, "reset_peer", "downstream", map[string]any{"timeout": 50})
			<-until
		},
		"cut": func(t *testing.T, l *line, until <-chan time.Time) {
			for {
				l.Stop()
				require.NoError(t, l.Start())
				select {
				case <-until:
					return
				case <-time.After(200 * time.Millisecond):
				}
			}
		},
		"half-open downstream": func(t *testing.T, l *line, until <-chan time.Time) {
			l.disturb(t, "timeout", "downstream", none)
			<-until
		},
		"half-open upstream": func(t *testing.T, l *line, until <-chan time.Time) {
			l.disturb(t, "timeout", "upstream", none)
			<-until
		},
		"the server is gone": func(t *testing.T, l *line, until <-chan time.Time) {
			l.server.Stop(t)
			<-until
			l.server.Restart(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t)
			w, stop := start(t, l)
			require.Eventually(t, func() bool { return w.acknowledged() > 30 }, 20*time.Second, time.Millisecond)
			fault(t, l, time.After(faultTime(t)))
			l.heal()
			w.settle()
			stop()
			t.Logf("%d calls, %d failed, %d events; the longest call %v, %d beats past its deadline", w.calls, w.failures, len(w.seen), w.longest, w.late)
		})
	}
}

func TestNothingIsLeftRunningAfterFaults(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("faults", func(t *testing.T) {
		l := newLine(t)
		w, stop := start(t, l)
		for _, kind := range []string{"timeout", "limit_data", "reset_peer"} {
			require.Eventually(t, func() bool { return w.acknowledged() > 30 }, 20*time.Second, time.Millisecond)
			l.disturb(t, kind, "downstream", map[string]any{})
			require.Eventually(t, func() bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				return w.failures > 0
			}, 20*time.Second, time.Millisecond)
			l.heal()
		}
		w.settle()
		stop()
	})
	goleak.VerifyNone(t, append(ofTheProxy, before)...)
}
