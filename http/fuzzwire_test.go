package http

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"strings"
	"testing"
	"time"

	validation "github.com/pb33f/libopenapi-validator/errors"
)

// wire speaks HTTP to the server byte by byte, so that requests may be wrong in every way.
type wire struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

const answerTimeout = 15 * time.Second // longer than any wait of the API's own

// wire connects to the world, served on a port of its own until the test ends.
func (w *world) wire(t testing.TB) *wire {
	l := &wire{address: w.served(t)}
	t.Cleanup(l.close)
	return l
}

func (l *wire) close() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// exchange sends the bytes of a request and reads its answer.
func (l *wire) exchange(method string, request []byte) (answered, error) {
	if l.conn == nil {
		conn, err := net.Dial("tcp", l.address)
		if err != nil {
			return answered{}, err
		}
		l.conn, l.reader = conn, bufio.NewReader(conn)
	}
	_ = l.conn.SetDeadline(time.Now().Add(answerTimeout))
	sent := make(chan struct{})
	go func(conn net.Conn) {
		defer close(sent)
		_, _ = conn.Write(request) // the server may answer and hang up before it has read it all
	}(l.conn)
	resp, err := nethttp.ReadResponse(l.reader, &nethttp.Request{Method: method})
	if err != nil {
		l.close()
		<-sent
		return answered{}, fmt.Errorf("reading the answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	endless := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
	var body []byte
	if !endless {
		if body, err = io.ReadAll(resp.Body); err != nil {
			err = fmt.Errorf("reading the answer's body: %w", err)
		}
	}
	if err != nil || endless || resp.Close {
		l.close()
	}
	<-sent
	return answered{resp, body}, err
}

// wireRequest is a request before it becomes bytes.
type wireRequest struct {
	method, target string
	headers        []string // pairs
	body           []byte
	chunked        bool
}

// shown are the headers without what signs in.
func (r wireRequest) shown() (shown []string) {
	for i := 0; i < len(r.headers); i += 2 {
		shown = append(shown, r.headers[i]+": "+r.headers[i+1][:min(40, len(r.headers[i+1]))])
	}
	return shown
}

func (r wireRequest) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: x\r\n", r.method, r.target)
	for i := 0; i < len(r.headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", r.headers[i], r.headers[i+1])
	}
	switch {
	case r.chunked && len(r.body) == 0:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	case r.chunked:
		fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(r.body), r.body)
	case len(r.body) > 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
	default:
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// parts returns the answer once for each value that its schema is about: lines have one each.
func (a answered) parts() (parts []*nethttp.Response) {
	bodies := [][]byte{a.body}
	if strings.Contains(a.Header.Get("Content-Type"), "ndjson") {
		bodies = bytes.Split(bytes.TrimSpace(a.body), []byte("\n"))
	}
	for _, body := range bodies {
		r := *a.Response
		r.Body = io.NopCloser(bytes.NewReader(body))
		parts = append(parts, &r)
	}
	return parts
}

func cutText(b []byte) string {
	if len(b) > 400 {
		return fmt.Sprintf("%q... (%d bytes)", b[:400], len(b))
	}
	return fmt.Sprintf("%q", b)
}

func describeErrors(errs []*validation.ValidationError) (all []string) {
	for _, e := range errs {
		all = append(all, e.Message+": "+e.Reason)
		for _, s := range e.SchemaValidationErrors {
			all = append(all, s.FieldPath+": "+s.Reason)
		}
	}
	return all
}
