// Package clamd has content scanned by ClamAV's daemon while it streams by. It keeps nothing, and no name of anything is
// sent or logged.
package clamd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	partTimeout = 30 * time.Second // for a part to be taken
	lastTimeout = 2 * time.Minute  // from the end of the content to the verdict
	part        = 64 << 10
	maxReply    = 4096
)

// Scanner is a clamd.
type Scanner struct{ network, address string }

// New returns the scanner at an address: host:port, or unix:<path> of a socket.
func New(address string) (*Scanner, error) {
	path, local := strings.CutPrefix(address, "unix:")
	_, port, err := net.SplitHostPort(address)
	switch {
	case local && path != "":
		return &Scanner{"unix", strings.TrimPrefix(path, "//")}, nil
	case local, err != nil, port == "":
		return nil, errors.New("a scanner is at host:port or unix:<path>")
	}
	return &Scanner{"tcp", address}, nil
}

// Scan reads content to its end and tells whether nothing was found in it. Whatever keeps clamd from looking at all of it,
// such as its StreamMaxLength, is an error.
//
// It speaks INSTREAM of clamd(8): parts behind their lengths as 4 bytes big endian, a part of length 0 at the end, and one
// line in reply: "stream: OK", "stream: <name> FOUND", or an error.
func (s *Scanner) Scan(ctx context.Context, content io.Reader) (clean bool, err error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, s.network, s.address)
	if err != nil {
		return false, fmt.Errorf("reaching clamd: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	sent, err := send(conn, content)
	if err != nil {
		return false, err
	}
	if sent != nil {
		if told, replied := reply(conn); replied == nil { // it says why it hung up
			return verdict(told)
		}
		return false, fmt.Errorf("sending to clamd: %w", sent)
	}
	told, err := reply(conn)
	if err != nil {
		return false, fmt.Errorf("hearing from clamd: %w", err)
	}
	return verdict(told)
}

// send tells failures of the connection apart from those of the content.
func send(conn net.Conn, content io.Reader) (sending, reading error) {
	out := bufio.NewWriterSize(conn, part+16)
	if _, err := out.WriteString("zINSTREAM\x00"); err != nil {
		return err, nil
	}
	buf := make([]byte, part)
	for {
		n, err := content.Read(buf)
		if n > 0 {
			if err := sendPart(conn, out, buf[:n]); err != nil {
				return err, nil
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return sendPart(conn, out, nil), nil
		case err != nil:
			return nil, err
		}
	}
}

func sendPart(conn net.Conn, out *bufio.Writer, p []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(partTimeout)); err != nil {
		return err
	}
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(p)))
	_, err := out.Write(length[:])
	if err == nil {
		_, err = out.Write(p)
	}
	return errors.Join(err, out.Flush())
}

func reply(conn net.Conn) (string, error) {
	if err := conn.SetReadDeadline(time.Now().Add(lastTimeout)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(io.LimitReader(conn, maxReply)).ReadString(0)
	return strings.TrimRight(line, "\x00\n"), err
}

// verdict reads a reply. What is not known to be clean is not clean.
func verdict(told string) (clean bool, err error) {
	switch {
	case told == "stream: OK":
		return true, nil
	case strings.HasPrefix(told, "stream: ") && strings.HasSuffix(told, " FOUND"):
		return false, nil
	}
	return false, fmt.Errorf("clamd did not scan: %.200q", told)
}
