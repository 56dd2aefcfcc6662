// Package clamdtest runs a real clamd for tests, with signatures of its own: the one that everybody knows (EICAR) and Bad.
package clamdtest

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/porttest"
)

const (
	// Bad is found in whatever holds it.
	Bad = "client-secrets: this is what malware looks like in tests"
	// MaxLength is the most bytes that the daemon takes in one stream.
	MaxLength = 2 << 20
)

// EICAR is the file that scanners are tried with. It is put together here, so that no scanner finds this source.
func EICAR() string {
	return `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
}

// eicarHash is the MD5 and the length of EICAR, as clamd's .hdb files have them.
const eicarHash = "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n"

// Daemon is a running clamd.
type Daemon struct {
	Socket, TCP string // its addresses, as clamd.New takes them
	stop        func()
}

// Start runs a clamd until the test ends. The test is skipped if there is none on this machine: scripts/ensure-clamd
// installs one.
func Start(t testing.TB) *Daemon {
	program := find()
	if program == "" {
		t.Skip("there is no clamd on this machine: scripts/ensure-clamd installs one")
	}
	dir, err := os.MkdirTemp("", "clamd") // a short path: those of sockets have at most 107 bytes
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	signature := "Client-Secrets-Test:0:*:" + hex.EncodeToString([]byte(Bad)) + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "test.ndb"), []byte(signature), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "test.hdb"), []byte(eicarHash), 0o600))
	d := &Daemon{Socket: "unix:" + filepath.Join(dir, "socket"), TCP: porttest.Free(t)}
	_, port, err := net.SplitHostPort(d.TCP)
	require.NoError(t, err)
	config := filepath.Join(dir, "clamd.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "Foreground yes\nDatabaseDirectory %s\nTemporaryDirectory %s\nLocalSocket %s\n"+
		"TCPAddr 127.0.0.1\nTCPSocket %s\nStreamMaxLength %d\nMaxThreads 2\n", dir, dir, filepath.Join(dir, "socket"), port, MaxLength), 0o600))
	d.run(t, exec.Command(program, "--config-file="+config))
	return d
}

func find() string {
	for _, name := range []string{"clamd", "/usr/sbin/clamd", "/opt/homebrew/sbin/clamd", "/usr/local/sbin/clamd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func (d *Daemon) run(t testing.TB, cmd *exec.Cmd) {
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	d.stop = func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	t.Cleanup(d.stop)
	deadline := time.Now().Add(30 * time.Second)
	for !listens("tcp", d.TCP) || !listens("unix", strings.TrimPrefix(d.Socket, "unix:")) { // not both at once
		select {
		case <-ended:
			t.Fatalf("clamd ended: %s", said.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("clamd does not answer")
		}
	}
}

func listens(network, address string) bool {
	conn, err := net.Dial(network, address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// Stop ends it now.
func (d *Daemon) Stop() { d.stop() }
