package http

import (
	"bytes"
	"errors"
	"io"
	"net"
	nethttp "net/http"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	drained   = 256 << 10       // bytes of a body that nobody wanted, read so that the connection can go on
	drainTime = 2 * time.Second // for that
)

type bodyKey struct{}

// arriving is a request's body on its way in. Nothing of it was read before a handler does, but for the few kilobytes that
// came with the headers, so that whoever is not let in sends in vain. Its end is remembered: fasthttp's stream of a chunked
// body blocks when it is read again after that.
type arriving struct {
	stream io.Reader
	conn   net.Conn
	ended  error     // what reading ended with; nil while there is more
	until  time.Time // zero: the server's deadline for ordinary requests holds
	lent   bool      // to what goes on after the handler, and closes the connection
}

// Files may take longer than other requests, but not for ever: they move on at least every so often, and at a rate.
const (
	stalled      = 30 * time.Second
	transferBase = time.Minute
	transferRate = 64 << 10 // bytes a second
)

// transferTime bounds how long bytes may take to come or go.
func transferTime(bytes int64) time.Duration {
	return transferBase + time.Duration(bytes/transferRate)*time.Second
}

// sooner returns the moment by which the next part of a file must have moved.
func sooner(until time.Time) time.Time {
	if next := time.Now().Add(stalled); next.Before(until) {
		return next
	}
	return until
}

func bodyOf(f *fiber.Ctx) *arriving {
	b, _ := f.Locals(bodyKey{}).(*arriving)
	return b
}

// arrive notes the body of a request that has one.
func arrive(f *fiber.Ctx) *arriving {
	b := &arriving{stream: f.Request().BodyStream(), conn: f.Context().Conn()}
	if b.stream == nil {
		b.ended = io.EOF
	}
	f.Locals(bodyKey{}, b)
	return b
}

// Read reads what is there. Its failures are those of the sender.
func (b *arriving) Read(p []byte) (int, error) {
	if b.ended != nil {
		return 0, b.ended
	}
	if !b.until.IsZero() {
		_ = b.conn.SetReadDeadline(sooner(b.until))
	}
	n, err := b.stream.Read(p)
	if err != nil {
		b.ended = sendersFault(err)
	}
	return n, b.ended
}

func sendersFault(err error) error {
	var network net.Error
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &network) && network.Timeout():
		return fiberError(nethttp.StatusRequestTimeout)
	default: // cut off, or wrongly chunked
		return fiberError(nethttp.StatusBadRequest)
	}
}

// whole reads a body of at most limit bytes. declared is the length that the request tells, negative if it tells none.
func (b *arriving) whole(declared, limit int) ([]byte, error) {
	if declared > limit {
		return nil, fiberError(nethttp.StatusRequestEntityTooLarge)
	}
	into := bytes.NewBuffer(make([]byte, 0, max(declared, 0)+bytes.MinRead))
	_, err := into.ReadFrom(io.LimitReader(b, int64(limit)+1))
	if err == nil && into.Len() > limit {
		err = fiberError(nethttp.StatusRequestEntityTooLarge)
	}
	return into.Bytes(), err
}

// lend gives the body to what goes on reading it after the handler has returned.
func (b *arriving) lend() *arriving {
	b.lent = true
	return b
}

// leave ends with a body after the answer was made. What is left of a short one is read, so that the connection can serve
// the next request; after a long one it is closed, or else its rest would be taken for requests.
func (b *arriving) leave(f *fiber.Ctx) {
	if b.lent {
		f.Context().SetConnectionClose()
		return
	}
	if b.ended == nil && f.Request().BodyStream() == b.stream { // else the handler did away with it
		b.until = time.Now().Add(drainTime)
		_, _ = io.Copy(io.Discard, io.LimitReader(b, drained))
	}
	if !errors.Is(b.ended, io.EOF) {
		f.Context().SetConnectionClose()
	}
}
