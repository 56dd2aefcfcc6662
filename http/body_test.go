package http

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// served is the address that a world's API is served on until the test ends.
func (w *world) served(t testing.TB) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-served)
	})
	return listener.Addr().String()
}

// A request whose body nobody reads must not leave its rest to be taken for the next request.
func TestTheRestOfABodyIsNoRequest(t *testing.T) {
	w := newWorld(t)
	address := w.served(t)
	smuggled := "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, c := range map[string]struct {
		body    string
		chunked bool
		stays   bool
	}{
		"short":         {body: smuggled, stays: true},
		"short chunked": {body: smuggled, chunked: true, stays: true},
		"long":          {body: strings.Repeat("x", 2*drained) + smuggled},
		"long chunked":  {body: strings.Repeat("x", 2*drained) + smuggled, chunked: true},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
			head, body := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(c.body)), c.body
			if c.chunked {
				head, body = "Transfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(c.body), c.body)
			}
			go func() { _, _ = fmt.Fprintf(conn, "POST %s/secrets HTTP/1.1\r\nHost: x\r\n%s%s", w.api, head, body) }()
			answers := bufio.NewReader(conn)
			first, err := nethttp.ReadResponse(answers, nil)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, first.Body)
			require.NoError(t, err)
			require.Equal(t, 401, first.StatusCode, "nobody has to be read to be refused")
			require.Equal(t, !c.stays, first.Close)
			if !c.stays {
				_, err := nethttp.ReadResponse(answers, nil)
				require.Error(t, err)
				return
			}
			_, err = fmt.Fprintf(conn, "GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
			second, err := nethttp.ReadResponse(answers, nil)
			require.NoError(t, err)
			require.Equal(t, 401, second.StatusCode, "the next request is the one that was sent next")
		})
	}
}

// deadlines notes those that a connection is given.
type deadlines struct {
	net.Conn
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = t
	return d.Conn.SetReadDeadline(t)
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.write = t
	return d.Conn.SetWriteDeadline(t)
}

func TestWhoHangsIsLetGo(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	conn := &deadlines{Conn: here}
	slow := &arriving{stream: conn, conn: conn, until: time.Now().Add(20 * time.Millisecond)}
	_, err := slow.Read(make([]byte, 1)) // nothing ever comes
	require.Equal(t, nethttp.StatusRequestTimeout, problemOf(err).Status)
	_, again := slow.Read(make([]byte, 1))
	require.Equal(t, err, again)

	go func() { _, _ = there.Write([]byte("x")) }()
	patient := &arriving{stream: conn, conn: conn, until: time.Now().Add(time.Hour)}
	_, err = patient.Read(make([]byte, 1))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(stalled), conn.read, 10*time.Second, "each part in time, not only the whole")

	var failed error
	over := &leaving{conn: conn, until: time.Now().Add(-time.Second), failed: func(err error) { failed = err }}
	_, err = over.Read(make([]byte, 1))
	require.ErrorIs(t, err, errSlow)
	require.ErrorIs(t, failed, errSlow)
	require.Greater(t, transferTime(100<<20), 20*time.Minute)
	require.Less(t, transferTime(100<<20), time.Hour)
}

// A chunked body that is empty has ended: nothing after it is taken for more of it.
func TestAnEmptyChunkedBodyIsAllThereIs(t *testing.T) {
	w := newWorld(t)
	conn, err := net.Dial("tcp", w.served(t))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	body := `{"name":"Smuggled","fields":[{"key":"a","label":"A","type":"text"}]}`
	_, err = fmt.Fprintf(conn, "POST %s/templates HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", w.api, w.issuer.token(t, owner))
	require.NoError(t, err)
	answers := bufio.NewReader(conn)
	answer, err := nethttp.ReadResponse(answers, nil)
	require.NoError(t, err)
	require.Equal(t, 400, answer.StatusCode)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST %s/templates HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", w.api, w.issuer.token(t, owner), len(body), body)
	require.NoError(t, err)
	answer, err = nethttp.ReadResponse(answers, nil)
	require.NoError(t, err)
	require.Equal(t, 400, answer.StatusCode)
}
