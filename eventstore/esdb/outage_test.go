package esdb_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/embedded"
	"github.com/kdesk/client-secrets/eventstore/esdb"
	"github.com/kdesk/client-secrets/eventstore/storetest"
)

// within gives calls a deadline and checks that they keep to it.
func within(t *testing.T, limit time.Duration, call func(ctx context.Context)) {
	t.Helper()
	w := &traffic{t: t}
	ctx, stop := context.WithCancel(context.Background())
	var beating sync.WaitGroup
	beating.Go(func() { w.beat(ctx) })
	_ = w.timed(limit, func(ctx context.Context) error {
		call(ctx)
		return nil
	})
	stop()
	beating.Wait()
}

func TestNobodyWaitsForALostLogPastTheDeadline(t *testing.T) {
	server := storetest.Start(t)
	log := server.Log(t)
	require.NoError(t, log.Ready(t.Context()))
	server.Stop(t)

	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			within(t, 1500*time.Millisecond, func(ctx context.Context) { // longer than the client's own patience
				_, err := log.Append(ctx, "secret-1", eventstore.AnyRevision(), proposed(1))
				assert.ErrorIs(t, err, eventstore.ErrUnavailable)
			})
		})
		callers.Go(func() {
			within(t, 1500*time.Millisecond, func(ctx context.Context) {
				for _, err := range log.ReadStream(ctx, "secret-1", 0) {
					assert.ErrorIs(t, err, eventstore.ErrUnavailable)
				}
				assert.ErrorIs(t, log.Ready(ctx), eventstore.ErrUnavailable)
			})
		})
	}
	callers.Wait()

	events := proposed(2)
	returned := make(chan error)
	go func() {
		_, err := log.Append(t.Context(), "secret-2", eventstore.NoStream(), events)
		returned <- err
	}()
	server.Restart(t)
	require.NoError(t, <-returned, "an append waits for the log within its deadline")
	require.NoError(t, log.Ready(t.Context()), "the dead client was replaced")
	assert.Equal(t, ids(events), ids(all(t, log, eventstore.Start, 0, eventstore.Filter{StreamPrefixes: []string{"secret-2"}})))
}

func TestASubscriptionOutlivesTheServer(t *testing.T) {
	server := storetest.Start(t)
	log := server.Log(t)
	const perLife, lives = 300, 4
	received := make(chan uuid.UUID, lives*perLife)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- log.Subscribe(ctx, eventstore.End, eventstore.Filter{}, func(r eventstore.Record) error {
			received <- r.ID
			return nil
		}, nil)
	}()
	// The subscription starts at the end: events count once it has been seen to live.
	var seen []uuid.UUID
	require.Eventually(t, func() bool {
		_, err := log.Append(ctx, "first-1", eventstore.AnyRevision(), proposed(1))
		return err == nil && len(received) > 0
	}, 10*time.Second, 10*time.Millisecond)

	var want []uuid.UUID
	for life := range lives {
		for range perLife / 3 {
			events := proposed(3)
			_, err := log.Append(ctx, "secret-1", eventstore.AnyRevision(), events)
			require.NoError(t, err)
			want = append(want, ids(events)...)
		}
		if life < lives-1 {
			server.Stop(t)
			server.Restart(t)
			require.NoError(t, log.Ready(ctx))
		}
	}
	for len(seen) == 0 || seen[len(seen)-1] != want[len(want)-1] {
		select {
		case id := <-received:
			seen = append(seen, id)
		case <-time.After(20 * time.Second):
			t.Fatalf("%d of %d events came", len(seen), len(want))
		}
	}
	cancel()
	assert.ErrorIs(t, <-ended, context.Canceled)
	assert.Equal(t, want, seen[len(seen)-len(want):], "no gap, nothing twice")
	assert.NotContains(t, seen[:len(seen)-len(want)], want[0])
}

// proxy stands between client and server. It can cut what passes through it, or hold it back.
type proxy struct {
	net.Listener
	target string
	mu     sync.Mutex
	conns  []net.Conn
	frozen chan struct{} // nil while bytes flow
	after  int           // bytes from the server after which a connection is cut, once; 0: never
	wg     sync.WaitGroup
}

func startProxy(t *testing.T, server *storetest.Server) (*proxy, *esdb.Log) {
	target, err := url.Parse(server.URL())
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{Listener: listener, target: target.Host}
	p.wg.Go(p.accept)
	log, err := esdb.Open(t.Context(), esdb.Config{URL: strings.Replace(server.URL(), target.Host, listener.Addr().String(), 1),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), IdleTimeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(func() {
		log.Close()
		_ = listener.Close()
		p.thaw()
		p.cut()
		p.wg.Wait()
	})
	return p, log
}

func (p *proxy) accept() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, in, out)
		p.mu.Unlock()
		p.wg.Go(func() { p.copy(out, in, false) })
		p.wg.Go(func() { p.copy(in, out, true) })
	}
}

func (p *proxy) copy(to, from net.Conn, counted bool) {
	defer to.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		frozen := p.frozen
		cut := counted && p.after > 0 && p.after <= n
		if counted && p.after > 0 {
			p.after = max(0, p.after-n)
		}
		p.mu.Unlock()
		if frozen != nil {
			<-frozen
		}
		if cut {
			_ = from.Close()
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) cutAfter(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.after = bytes
}

func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = make(chan struct{})
}

func (p *proxy) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen != nil {
		close(p.frozen)
		p.frozen = nil
	}
}

func TestASilentServerIsNotWaitedFor(t *testing.T) {
	p, log := startProxy(t, storetest.Start(t))
	require.NoError(t, log.Ready(t.Context()))
	p.freeze()
	within(t, 300*time.Millisecond, func(ctx context.Context) {
		_, err := log.Append(ctx, "secret-1", eventstore.NoStream(), proposed(1))
		assert.ErrorIs(t, err, eventstore.ErrUnavailable)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
	within(t, time.Second, func(context.Context) { // no deadline: the idle timeout counts
		assert.ErrorIs(t, log.Ready(t.Context()), eventstore.ErrUnavailable)
	})
	p.thaw()
	require.NoError(t, log.Ready(t.Context()))
}

func TestAnAppendWhoseAnswerIsLostIsWrittenOnce(t *testing.T) {
	p, log := startProxy(t, storetest.Start(t))
	require.NoError(t, log.Ready(t.Context()))
	var want []uuid.UUID
	for i := range 20 {
		expected := eventstore.NoStream()
		if i > 0 {
			expected = eventstore.Exact(uint64(i - 1))
		}
		events := proposed(1)
		p.cutAfter(1 + 20*i)
		appended, err := log.Append(t.Context(), "secret-1", expected, events)
		require.NoError(t, err)
		assert.EqualValues(t, i, appended.Revision)
		want = append(want, ids(events)...)
	}
	p.cutAfter(0)
	assert.Equal(t, want, ids(all(t, log, eventstore.Start, 0, eventstore.Filter{})))
}

// The callers give up while their appends are being sent. With the race detector this fails if the official client's
// calls end then too.
func TestAnAppendThatItsCallerGaveUpIsCarriedThrough(t *testing.T) {
	const callers, each = 10, 30
	p, log := startProxy(t, storetest.Start(t))
	_, err := log.Append(t.Context(), "first-1", eventstore.NoStream(), proposed(1)) // now there is a connection for appends
	require.NoError(t, err)
	p.freeze()
	ctx, cancel := context.WithCancel(t.Context())
	var begun, appends sync.WaitGroup
	begun.Add(callers)
	for i := range callers {
		events := proposed(each)
		for j := range events {
			events[j].Data = fmt.Appendf(nil, `"%030000d"`, j) // together more than goes out at once
		}
		appends.Go(func() {
			begun.Done()
			_, err := log.Append(ctx, fmt.Sprint("secret-", i), eventstore.NoStream(), events)
			assert.ErrorIs(t, err, eventstore.ErrUnavailable, "nobody knows what becomes of it")
		})
	}
	begun.Wait()
	time.AfterFunc(time.Second, cancel) // nothing tells that all are being sent
	appends.Wait()
	p.thaw()
	require.Eventually(t, func() bool {
		return len(all(t, log, eventstore.Start, 0, eventstore.Filter{StreamPrefixes: []string{"secret-"}})) == callers*each
	}, 20*time.Second, 10*time.Millisecond)
}

func TestAReadGoesOnWhereItWasCut(t *testing.T) {
	p, log := startProxy(t, storetest.Start(t))
	var want []uuid.UUID
	for range 5 {
		events := proposed(1000)
		_, err := log.Append(t.Context(), "secret-1", eventstore.AnyRevision(), events)
		require.NoError(t, err)
		want = append(want, ids(events)...)
	}
	for _, bytes := range []int{1, 5_000, 77_777, 300_000, 600_000} {
		p.cutAfter(bytes)
		assert.Equal(t, want, ids(all(t, log, eventstore.Start, 0, eventstore.Filter{})))
		p.cutAfter(bytes)
		var got []eventstore.Record
		for r, err := range log.ReadStream(t.Context(), "secret-1", 0) {
			require.NoError(t, err)
			got = append(got, r)
		}
		assert.Equal(t, want, ids(got))
	}
}

func TestASubscriptionGoesOnWhereItWasCut(t *testing.T) {
	p, log := startProxy(t, storetest.Start(t))
	var want, got []uuid.UUID
	for range 5 {
		events := proposed(1000)
		_, err := log.Append(t.Context(), "secret-1", eventstore.AnyRevision(), events)
		require.NoError(t, err)
		want = append(want, ids(events)...)
	}
	err := log.Subscribe(t.Context(), eventstore.Start, eventstore.Filter{}, func(r eventstore.Record) error {
		if got = append(got, r.ID); len(got)%1200 == 1 {
			p.cut()
		}
		if len(got) == len(want) {
			return errEnough
		}
		return nil
	}, nil)
	assert.ErrorIs(t, err, errEnough)
	assert.Equal(t, want, got)
}

func TestCloseEndsSubscriptionsAndFailsLaterCalls(t *testing.T) {
	server := storetest.Start(t)
	log := server.Log(t)
	_, err := log.Append(t.Context(), "secret-1", eventstore.NoStream(), proposed(1))
	require.NoError(t, err)
	ended, lives := make(chan error), make(chan struct{})
	go func() {
		ended <- log.Subscribe(t.Context(), eventstore.Start, eventstore.Filter{}, func(eventstore.Record) error {
			close(lives)
			return nil
		}, nil)
	}()
	<-lives
	log.Close()
	assert.ErrorIs(t, <-ended, eventstore.ErrUnavailable)
	within(t, time.Second, func(context.Context) {
		_, err = log.Append(t.Context(), "secret-1", eventstore.Exact(0), proposed(1))
		assert.ErrorIs(t, err, eventstore.ErrUnavailable)
		assert.ErrorIs(t, log.Ready(t.Context()), eventstore.ErrUnavailable)
	})
}

func TestASecureServer(t *testing.T) {
	server, err := embedded.Open(t.Context(), embedded.Config{Dir: t.TempDir(), CacheBytes: 8 << 20})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	log, err := esdb.Open(t.Context(), esdb.Config{URL: server.ConnectionString()})
	require.NoError(t, err)
	defer log.Close()
	_, err = log.Append(t.Context(), "secret-1", eventstore.NoStream(), proposed(1))
	require.NoError(t, err)

	address, err := url.Parse(server.ConnectionString())
	require.NoError(t, err)
	address.User = url.UserPassword("admin", "wrong")
	stranger, err := esdb.Open(t.Context(), esdb.Config{URL: address.String()})
	require.NoError(t, err)
	defer stranger.Close()
	within(t, time.Second, func(context.Context) { // not retried
		_, err = stranger.Append(t.Context(), "secret-1", eventstore.Exact(0), proposed(1))
		require.Error(t, err)
		assert.NotErrorIs(t, err, eventstore.ErrUnavailable)
		assert.Error(t, stranger.Ready(t.Context()))
	})
}

func TestOpenRefusesWhatIsUnsafe(t *testing.T) {
	for url, text := range map[string]string{
		"esdb://host:2113?tlsVerifyCert=false":   "tlsCaFile",
		"esdb://app:secret@host:2113?tls=false":  "TLS",
		"http://app:secret@host:2113":            "malformed",
		"esdb://app:se%zzcret@host:2113?tls=yes": "malformed",
	} {
		_, err := esdb.Open(t.Context(), esdb.Config{URL: url})
		assert.ErrorContains(t, err, text)
		assert.NotContains(t, err.Error(), "cret")
	}
}
