package http

import (
	"bufio"
	"fmt"
	"net"
	nethttp "net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whoever sends slowly, be it headers or a body, is hung up on once the time for a request is over: a trickle of bytes
// prolongs nothing.
func TestSlowSendersAreHungUpOn(t *testing.T) {
	w := newWorld(t)
	w.app.Server().ReadTimeout = 500 * time.Millisecond
	address := w.served(t)
	signedIn := "Authorization: Bearer " + w.issuer.token(t, owner) + "\r\n"
	for name, start := range map[string]string{
		"headers": "GET /v1/me HTTP/1.1\r\nHost: x\r\nX-A: ",
		"a body":  "PATCH " + w.api + "/settings HTTP/1.1\r\nHost: x\r\n" + signedIn + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
		"a chunk": "PATCH " + w.api + "/settings HTTP/1.1\r\nHost: x\r\n" + signedIn + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = fmt.Fprint(conn, start)
			require.NoError(t, err)
			hungUp := make(chan struct{})
			go trickle(conn, hungUp)
			defer close(hungUp)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			answers := bufio.NewReader(conn)
			got, err := nethttp.ReadResponse(answers, nil)
			require.NoError(t, err)
			require.Equal(t, nethttp.StatusRequestTimeout, got.StatusCode)
			require.Equal(t, problemType, got.Header.Get("Content-Type"))
			require.True(t, got.Close)
		})
	}
}

// trickle sends a byte now and then.
func trickle(conn net.Conn, until <-chan struct{}) {
	beat := time.NewTicker(50 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			if _, err := conn.Write([]byte("a")); err != nil {
				return
			}
		case <-until:
			return
		}
	}
}

// A chunked body that never ends is refused at the limit, not read on.
func TestAnEndlessBodyIsRefused(t *testing.T) {
	w := newWorld(t)
	conn, err := net.Dial("tcp", w.served(t))
	require.NoError(t, err)
	defer conn.Close()
	go func() {
		_, err := fmt.Fprintf(conn, "PATCH %s/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", w.api, w.issuer.token(t, owner))
		for chunk := make([]byte, 32<<10); err == nil; {
			_, err = fmt.Fprintf(conn, "%x\r\n%s\r\n", len(chunk), chunk)
		}
	}()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	got, err := nethttp.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, nethttp.StatusRequestEntityTooLarge, got.StatusCode)
	require.True(t, got.Close)
}
