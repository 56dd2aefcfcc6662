package storage

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func openOn(fs vfs.FS) (*Store, error) {
	return Open(Options{Dir: "db", CacheBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler), FS: fs})
}

// contents lists the log, having checked that it and the index of streams agree.
func contents(t *testing.T, s *Store) []string {
	t.Helper()
	v, err := s.View()
	require.NoError(t, err)
	defer v.Close()
	var out []string
	next := map[string]int64{}
	_, err = v.ScanAll(0, false, func(position uint64, r Record) bool {
		stream := string(r.Stream())
		require.Equal(t, next[stream], r.Revision())
		next[stream]++
		out = append(out, fmt.Sprint(position, stream, r.Revision(), r.ID()))
		return true
	})
	require.NoError(t, err)
	for name, count := range next {
		stream, err := v.Stream(name)
		require.NoError(t, err)
		require.Equal(t, count-1, stream.Head)
		found := int64(0)
		_, err = v.ScanStream(stream, 0, false, func(uint64, Record) bool { found++; return true })
		require.NoError(t, err)
		require.Equal(t, count, found)
	}
	return out
}

// walOf finds the one write-ahead log that holds records.
func walOf(t *testing.T, fs vfs.FS) (string, []byte) {
	t.Helper()
	names, err := fs.List("db")
	require.NoError(t, err)
	var path string
	var data []byte
	for _, name := range names {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		f, err := fs.Open(fs.PathJoin("db", name))
		require.NoError(t, err)
		b, err := io.ReadAll(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		if len(b) > len(data) {
			path, data = fs.PathJoin("db", name), b
		}
	}
	require.NotEmpty(t, data)
	return path, data
}

// A log whose last 32 KiB are missing or damaged holds a prefix, complete in itself and still writable: that
// is what a torn write looks like, and nothing tells them apart. Never does it hold anything else.
// EVENTSTORE_EVERY_BYTE=1 damages each byte, not one of some.
func TestADamagedTailLeavesAPrefix(t *testing.T) {
	original := vfs.NewCrashableMem()
	s, err := openOn(original)
	require.NoError(t, err)
	for i := range 12 {
		_, err := s.Append(context.Background(), fmt.Sprint("s-", i%3), ExpectAny,
			[]Event{{ID: uuid.New(), Type: "t", Data: make([]byte, 20)}, {ID: uuid.New(), Type: "t"}})
		require.NoError(t, err)
	}
	crashed := original.CrashClone(vfs.CrashCloneCfg{})
	want := contents(t, s)
	require.NoError(t, s.Close())
	_, wal := walOf(t, crashed)
	step := 29
	if os.Getenv("EVENTSTORE_EVERY_BYTE") != "" {
		step = 1
	}
	for at := 0; at < len(wal); at += step {
		flipped := append([]byte(nil), wal...)
		flipped[at] ^= 0x41
		for name, damaged := range map[string][]byte{"truncated": wal[:at], "flipped": flipped} {
			fs := crashed.CrashClone(vfs.CrashCloneCfg{})
			path, _ := walOf(t, fs)
			f, err := fs.Create(path, "test")
			require.NoError(t, err)
			_, err = f.Write(damaged)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			s, err := openOn(fs)
			require.NoError(t, err, "%s at %d", name, at)
			got := contents(t, s)
			require.LessOrEqual(t, len(got), len(want))
			require.Equal(t, want[:len(got)], append([]string{}, got...), "%s at %d", name, at)
			_, err = s.Append(context.Background(), "s-0", ExpectAny, []Event{{ID: uuid.New(), Type: "t"}})
			require.NoError(t, err)
			require.Len(t, contents(t, s), len(got)+1)
			require.NoError(t, s.Close())
		}
	}
}

// Damage that is not at the tail, but before blocks known to have been synced, is told from a torn write: the
// log refuses to open rather than to forget what was acknowledged.
func TestDamageBeforeSyncedBlocksIsNotTakenForATornTail(t *testing.T) {
	original := vfs.NewCrashableMem()
	s, err := openOn(original)
	require.NoError(t, err)
	for range 40 {
		_, err := s.Append(context.Background(), "s", ExpectAny, []Event{{ID: uuid.New(), Type: "t", Data: make([]byte, 4096)}})
		require.NoError(t, err)
	}
	crashed := original.CrashClone(vfs.CrashCloneCfg{})
	require.NoError(t, s.Close())
	path, wal := walOf(t, crashed)
	for _, at := range []int{100, 5_000, 40_000, 70_000} {
		damaged := append([]byte(nil), wal...)
		damaged[at] ^= 0x41
		fs := crashed.CrashClone(vfs.CrashCloneCfg{})
		f, err := fs.Create(path, "test")
		require.NoError(t, err)
		_, err = f.Write(damaged)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		_, err = openOn(fs)
		require.Error(t, err, "damage at %d of %d", at, len(wal))
	}
}

// What cannot be read is an error, never the end of the log or an absent stream; and it passes.
func TestAnUnreadableBlockIsNotAnEnd(t *testing.T) {
	var broken atomic.Bool
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsRead && strings.HasSuffix(op.Path, ".sst") {
			return syscall.EIO
		}
		return nil
	}))
	s, err := openOn(disk)
	require.NoError(t, err)
	stored := fill(t, s, 200) // beyond what the cache holds
	require.Len(t, stored, 800)
	require.NoError(t, s.Close())
	s, err = openOn(disk)
	require.NoError(t, err)
	v, err := s.View()
	require.NoError(t, err)
	broken.Store(true)
	for _, backwards := range []bool{false, true} {
		from := map[bool]uint64{false: 0, true: v.Head + 1}[backwards]
		seen := 0
		end, err := v.ScanAll(from, backwards, func(uint64, Record) bool { seen++; return true })
		require.ErrorIs(t, err, syscall.EIO)
		require.False(t, end)
		require.Less(t, seen, len(stored))
	}
	_, err = v.Stream("s-3")
	require.ErrorIs(t, err, syscall.EIO)
	broken.Store(false)
	v.Close()
	require.NoError(t, s.Err(), "reading stops nothing")
	requireStored(t, s, stored)
	require.NoError(t, s.Close())
}
