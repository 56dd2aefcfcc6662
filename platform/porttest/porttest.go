// Package porttest gives tests addresses for servers in other processes: those that must be told a port, or that come back
// on the same one. For other servers port 0 is better.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// Ports from which no system takes one for whoever asks for any: nobody else gets it before the server listens, nor while
// it is away.
const lowest, count = 10_000, 20_000

var taken atomic.Uint32

func init() { taken.Store(rand.Uint32N(count)) }

// Free returns an address of loopback on which nobody listens.
func Free(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+int(taken.Add(1)%count)))
		if listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address); err == nil {
			_ = listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
