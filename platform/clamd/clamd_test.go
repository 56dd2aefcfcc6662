package clamd_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/clamd"
	"github.com/kdesk/client-secrets/platform/clamd/clamdtest"
)

func TestARealDaemonFindsWhatIsBad(t *testing.T) {
	d := clamdtest.Start(t)
	for _, address := range []string{d.Socket, d.TCP} {
		s, err := clamd.New(address)
		require.NoError(t, err)
		filler := strings.Repeat("nothing to see here\n", 20_000)
		for name, c := range map[string]struct {
			content string
			clean   bool
		}{
			"nothing":        {"", true},
			"words":          {"plain words", true},
			"many words":     {filler, true},
			"EICAR":          {clamdtest.EICAR(), false},
			"among words":    {filler + clamdtest.Bad + filler, false},
			"at the far end": {filler + clamdtest.Bad, false},
		} {
			clean, err := s.Scan(t.Context(), strings.NewReader(c.content))
			require.NoError(t, err, name)
			require.Equal(t, c.clean, clean, name)
		}
	}
}

func TestWhatIsNotScannedWholeIsNotClean(t *testing.T) {
	d := clamdtest.Start(t)
	s, err := clamd.New(d.Socket)
	require.NoError(t, err)
	_, err = s.Scan(t.Context(), strings.NewReader(strings.Repeat("x", 2*clamdtest.MaxLength)))
	require.Error(t, err, "longer than it takes")
	broken := errors.New("cut off")
	_, err = s.Scan(t.Context(), io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	d.Stop()
	_, err = s.Scan(t.Context(), strings.NewReader("x"))
	require.Error(t, err, "away")
}

// What clamd might answer when something else listens there, or when it is in trouble.
func TestAnAnswerThatIsNotKnownIsNoVerdict(t *testing.T) {
	for _, answer := range []string{"", "stream: OK", "stream: \x00", "OK\x00", "stream: OK FOUND?\x00", "INSTREAM size limit exceeded. ERROR\x00"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, len("zINSTREAM\x00")+4+1+4)) // the command, one part of a byte, the end
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}()
		s, err := clamd.New(listener.Addr().String())
		require.NoError(t, err)
		_, err = s.Scan(t.Context(), strings.NewReader("x"))
		require.Error(t, err, "%q", answer)
		require.NoError(t, listener.Close())
	}
}

func TestAScanEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	s, err := clamd.New(listener.Addr().String()) // it accepts and never answers
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.Scan(ctx, strings.NewReader("x"))
	require.Error(t, err)
}

func TestAddresses(t *testing.T) {
	for _, good := range []string{"127.0.0.1:3310", "clamd:3310", "[::1]:3310", "unix:/run/clamav/clamd.ctl", "unix:///run/clamav/clamd.ctl"} {
		_, err := clamd.New(good)
		require.NoError(t, err, good)
	}
	for _, bad := range []string{"", "clamd", "unix:", "/run/clamav/clamd.ctl"} {
		_, err := clamd.New(bad)
		require.Error(t, err, bad)
	}
}
