package embedded

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// childDirEnv makes the test binary serve a directory instead of running tests, until it is killed.
const childDirEnv = "EMBEDDED_TEST_CHILD_DIR"

func serveAsChild(dir string) {
	s, err := Open(context.Background(), testConfig(dir))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.ConnectionString())
	<-s.Done()
}

// startChild runs a server in a process of its own and returns how to reach it.
func startChild(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // mostly it is gone
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, strings.TrimSpace(line)
}

// long returns how often something is done: a few times, or as often as the environment says.
func long(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// crash has several clients write until the server goes, which end brings about once all have written a little. Each
// writer has a client of its own: of those who share one of the official client's, some wait forever when it gives up.
func (o *oracle) crash(t *testing.T, connection string, end func()) {
	t.Helper()
	const writers = 8
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	enough := make(chan struct{}, writers)
	for w := range writers {
		c := connect(t, connection)
		wg.Go(func() {
			o.write(ctx, c, "crash-"+strconv.Itoa(w), enough)
			assert.NoError(t, c.Close())
		})
	}
	deadline := within(t)
	for range writers {
		select {
		case <-enough:
		case <-deadline.Done():
			require.Fail(t, "a writer stopped before the server did")
		}
	}
	end()
}

// A killed process leaves what it wrote, synced or not. EVENTSTORE_KILLS=200 makes it a long run.
func TestAKilledServerKeepsEverythingItAcknowledged(t *testing.T) {
	dir, o := t.TempDir(), newOracle()
	for i := range long(t, "EVENTSTORE_KILLS", 20) {
		if i%5 == 4 { // some die while they recover
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childDirEnv+"="+dir)
			require.NoError(t, cmd.Start())
			time.Sleep(rand.N(60 * time.Millisecond)) // any moment will do
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait() // reports the kill
			continue
		}
		cmd, connection := startChild(t, dir)
		o.verify(t, connect(t, connection))
		o.crash(t, connection, func() {
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
		})
	}
	o.verify(t, connect(t, startServer(t, testConfig(dir)).ConnectionString()))
	t.Logf("%d events acknowledged, %d stored", len(o.acknowledged), o.read)
}

// A power loss keeps what was synced and any part of what was not. EVENTSTORE_POWER_LOSSES=200 makes it a long run.
func TestAPowerLossKeepsEverythingThatWasAcknowledged(t *testing.T) {
	fs, o, cfg := vfs.NewCrashableMem(), newOracle(), testConfig(t.TempDir())
	for seed := range long(t, "EVENTSTORE_POWER_LOSSES", 10) {
		cfg.fs = fs
		server, err := Open(t.Context(), cfg)
		require.NoError(t, err)
		o.verify(t, connect(t, server.ConnectionString()))
		var survivors *oracle
		o.crash(t, server.ConnectionString(), func() {
			o.Lock() // nothing is acknowledged between the crash and the copy of what was
			defer o.Unlock()
			fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 25 * (seed % 5), RNG: rand.New(rand.NewPCG(1, uint64(seed)))})
			survivors = o.clone()
		})
		require.NoError(t, server.Close())
		o = survivors
	}
	cfg.fs = fs
	o.verify(t, connect(t, startServer(t, cfg).ConnectionString()))
	t.Logf("%d events acknowledged, %d stored", len(o.acknowledged), o.read)
}

func TestADiskThatFailsStopsTheServerForGood(t *testing.T) {
	for name, kinds := range map[string][]errorfs.OpKind{
		"sync":  {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
		"write": {errorfs.OpFileWrite},
	} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			cfg := testConfig(t.TempDir())
			cfg.fs = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if broken.Load() && slices.Contains(kinds, op.Kind) && strings.HasSuffix(op.Path, ".log") {
					return errorfs.ErrInjected
				}
				return nil
			}))
			server, err := Open(t.Context(), cfg)
			require.NoError(t, err)
			c := connect(t, server.ConnectionString())
			appendTo(t, c, "s", esdb.NoStream{}, event("e"))
			broken.Store(true)
			_, err = c.AppendToStream(within(t), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("e"))
			require.Error(t, err)
			<-server.Done()
			broken.Store(false)
			require.ErrorContains(t, server.Err(), "stopped")
			_, err = c.AppendToStream(within(t), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("e"))
			require.Error(t, err, "an fsync is never retried")
			require.Error(t, server.Close())
		})
	}
}
