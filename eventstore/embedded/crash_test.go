package embedded

import (
	"bufio"
	"context"
	"fmt"
	"maps"
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
	"github.com/google/uuid"
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
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, strings.TrimSpace(line)
}

// acknowledged is the oracle: what clients were told is stored.
type acknowledged struct {
	sync.Mutex
	heads map[string]uint64
	ids   map[uuid.UUID]uint64 // -> position
}

// writeUntilKilled appends small batches to one stream until the server is gone.
func (a *acknowledged) writeUntilKilled(ctx context.Context, c *esdb.Client, stream string, enough chan<- struct{}) {
	for n := 0; ; n++ {
		batch := events("crash", 1+n%3)
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		result, err := c.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, batch...)
		cancel()
		if err != nil {
			return
		}
		a.Lock()
		a.heads[stream] = result.NextExpectedVersion
		for _, e := range batch {
			a.ids[e.EventID] = result.CommitPosition
		}
		a.Unlock()
		if n == 20 {
			enough <- struct{}{}
		}
	}
}

func (a *acknowledged) verify(t *testing.T, c *esdb.Client) {
	t.Helper()
	next, last, seen := map[string]uint64{}, uint64(0), map[uuid.UUID]bool{}
	for _, e := range readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}}) {
		r := e.Event
		require.Greater(t, r.Position.Commit, last, "positions increase")
		require.Equal(t, next[r.StreamID], r.EventNumber, "revisions have no gap")
		last, seen[r.EventID] = r.Position.Commit, true
		next[r.StreamID]++
	}
	for id := range a.ids {
		require.True(t, seen[id], "an acknowledged event is there")
	}
	for stream, head := range a.heads {
		require.Greater(t, next[stream], head)
		require.Len(t, readStream(t, c, stream, esdb.ReadStreamOptions{From: esdb.Start{}}), int(next[stream]), "index and log agree")
	}
}

func TestAKilledServerKeepsEverythingItAcknowledged(t *testing.T) {
	const kills, writers = 5, 8
	dir := t.TempDir()
	oracle := &acknowledged{heads: map[string]uint64{}, ids: map[uuid.UUID]uint64{}}
	for range kills {
		cmd, connection := startChild(t, dir)
		c := connect(t, connection)
		oracle.verify(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		enough := make(chan struct{}, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() { oracle.writeUntilKilled(ctx, c, "crash-"+strconv.Itoa(w), enough) })
		}
		for range writers {
			<-enough
		}
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // reports the kill
		wg.Wait()
		cancel()
	}
	c := connect(t, startServer(t, testConfig(dir)).ConnectionString())
	oracle.verify(t, c)
	require.Greater(t, len(oracle.ids), kills*writers*20)
}

// A power loss keeps what was synced and any part of what was not.
func TestAPowerLossKeepsEverythingThatWasAcknowledged(t *testing.T) {
	fs := vfs.NewCrashableMem()
	oracle := &acknowledged{heads: map[string]uint64{}, ids: map[uuid.UUID]uint64{}}
	cfg := testConfig(t.TempDir())
	for seed := range uint64(5) {
		cfg.fs = fs
		server, err := Open(t.Context(), cfg)
		require.NoError(t, err)
		c := connect(t, server.ConnectionString())
		oracle.verify(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		enough := make(chan struct{}, 1)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			oracle.writeUntilKilled(ctx, c, "crash-0", enough)
		}()
		<-enough
		oracle.Lock() // nothing is acknowledged between the crash and the copy of what was
		fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(seed, seed))})
		survivors := &acknowledged{heads: maps.Clone(oracle.heads), ids: maps.Clone(oracle.ids)}
		oracle.Unlock()
		cancel()
		<-ended
		require.NoError(t, server.Close())
		oracle = survivors
	}
	cfg.fs = fs
	oracle.verify(t, connect(t, startServer(t, cfg).ConnectionString()))
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
