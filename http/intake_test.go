package http

import (
	"bufio"
	"fmt"
	"net"
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Nobody signs in for a delivery: whoever sends many slowly must not keep those of helpdesks out, which take access away.
func TestSlowDeliveriesKeepNobodyOut(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "zammad", `{"secret":"`+sourceSecret+`"}`)
	address := w.served(t)
	slow := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = fmt.Fprintf(conn, "POST %s/sources/zammad HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n%s", w.api, strings.Repeat("a", 20_000))
		require.NoError(t, err)
		return conn
	}
	inside := func(want int) {
		t.Helper()
		require.Eventually(t, func() bool {
			w.receiving.mu.Lock()
			defer w.receiving.mu.Unlock()
			return w.receiving.inside == want && len(w.receiving.arriving) == want
		}, 20*time.Second, time.Millisecond)
	}
	first := slow()
	inside(1)
	for range receivedAtOnce - 1 {
		slow()
	}
	inside(receivedAtOnce)
	w.outcome(t, w.zammad(t, sourceSecret, captured(t, "zammad_ticket.json")), 4, 0, 0)
	require.NoError(t, first.SetReadDeadline(time.Now().Add(20*time.Second)))
	answer, err := nethttp.ReadResponse(bufio.NewReader(first), nil)
	require.NoError(t, err)
	require.Equal(t, nethttp.StatusRequestTimeout, answer.StatusCode, "the oldest made room")
	inside(receivedAtOnce - 1)
}

func TestDeliveriesThatAreCarriedOutMakeNoRoom(t *testing.T) {
	var in intake
	for range receivedAtOnce {
		conn, _ := net.Pipe()
		require.True(t, in.enter(conn))
		in.arrived(conn)
	}
	another, _ := net.Pipe()
	require.False(t, in.enter(another))
	in.leave()
	require.True(t, in.enter(another))
}
