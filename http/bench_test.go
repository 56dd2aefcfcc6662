package http

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/kdesk/client-secrets/commands/commandstest"
)

const clients = 32

// measure sends the same request from many clients at once and reports the rate and the latencies.
func (w *world) measure(b *testing.B, method, path, body string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go func() { _ = w.Serve(b.Context(), listener) }()
	client := &fasthttp.HostClient{Addr: listener.Addr().String(), MaxConns: clients}
	token := "Bearer " + w.issuer.token(b, agent)
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, clients)
	var running sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := range clients {
		running.Go(func() {
			req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			req.Header.SetMethod(method)
			req.SetRequestURI("http://" + listener.Addr().String() + path)
			req.Header.Set("Authorization", token)
			if body != "" {
				req.Header.SetContentType("application/json")
				req.SetBodyString(body)
			}
			for left.Add(-1) >= 0 {
				started := time.Now()
				if err := client.Do(req, resp); err != nil || resp.StatusCode() != 200 {
					b.Errorf("status %d: %v %s", resp.StatusCode(), err, resp.Body())
					return
				}
				took[i] = append(took[i], time.Since(started))
			}
		})
	}
	running.Wait()
	b.StopTimer()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

func BenchmarkReveal(b *testing.B) {
	w := newWorld(b)
	w.measure(b, "POST", w.api+"/secrets/"+w.Secret.String()+"/fields/api_key/reveal", `{"reason":"customer called"}`)
}

func BenchmarkPanel(b *testing.B) {
	w := newWorld(b)
	require.Equal(b, 200, w.get(b, agent, w.api+"/tickets/"+commandstest.Ticket+"/panel").StatusCode)
	w.measure(b, "GET", w.api+"/tickets/"+commandstest.Ticket+"/panel", "")
}

func BenchmarkHealth(b *testing.B) {
	w := newWorld(b)
	w.measure(b, "GET", "/healthz", "")
}
