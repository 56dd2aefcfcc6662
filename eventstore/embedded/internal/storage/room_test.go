package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// quota is a disk of limited size: writes beyond it fail with ENOSPC.
type quota struct {
	vfs.FS
	dir      string
	capacity atomic.Int64
	refused  atomic.Int64 // writes
	lies     atomic.Bool  // says that there is room when there is none
}

type quotaFile struct {
	vfs.File
	disk *quota
}

func newQuota(fs vfs.FS, dir string, capacity int64) *quota {
	q := &quota{FS: fs, dir: dir}
	q.capacity.Store(capacity)
	return q
}

func (q *quota) GetDiskUsage(string) (vfs.DiskUsage, error) {
	if q.lies.Load() {
		return vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 40}, nil
	}
	return vfs.DiskUsage{AvailBytes: uint64(max(0, q.capacity.Load()-q.used())), TotalBytes: 1 << 40}, nil
}

func (q *quota) used() (used int64) {
	names, _ := q.FS.List(q.dir)
	for _, name := range names {
		if info, err := q.FS.Stat(q.FS.PathJoin(q.dir, name)); err == nil {
			used += info.Size()
		}
	}
	return used
}

func (q *quota) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := q.FS.Create(name, category)
	return quotaFile{File: f, disk: q}, err
}

func (q *quota) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := q.FS.ReuseForWrite(old, name, category)
	return quotaFile{File: f, disk: q}, err
}

func (f quotaFile) Write(b []byte) (int, error) {
	if f.disk.used()+int64(len(b)) > f.disk.capacity.Load() {
		f.disk.refused.Add(1)
		return 0, syscall.ENOSPC
	}
	return f.File.Write(b)
}

// fill appends random events from several writers until each was refused, and returns the ids of those acknowledged.
func fill(t *testing.T, s *Store, most int) map[uuid.UUID]bool {
	t.Helper()
	var mu sync.Mutex
	var writers sync.WaitGroup
	stored := map[uuid.UUID]bool{}
	for w := range 4 {
		writers.Go(func() {
			for range most {
				e := Event{ID: uuid.New(), Type: "t", Data: make([]byte, 20_000)}
				_, _ = rand.Read(e.Data)
				if _, err := s.Append(context.Background(), fmt.Sprint("s-", w), ExpectAny, []Event{e}); err != nil {
					if !errors.Is(err, ErrFull) && !errors.Is(err, ErrStopped) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				stored[e.ID] = true
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	return stored
}

func requireStored(t *testing.T, s *Store, ids map[uuid.UUID]bool) {
	t.Helper()
	found := strings.Join(contents(t, s), "\n")
	for id := range ids {
		require.Contains(t, found, id.String())
	}
}

func TestAFullDiskRefusesWritesAndRecovers(t *testing.T) {
	disk := newQuota(vfs.NewMem(), "db", 1<<40)
	s, err := openOn(disk)
	require.NoError(t, err)
	first := Event{ID: uuid.New(), Type: "t"}
	result, err := s.Append(t.Context(), "first", ExpectNoStream, []Event{first})
	require.NoError(t, err)
	stored := map[uuid.UUID]bool{first.ID: true}
	for round := range 3 { // each time somebody makes a little room, it is used, and never more than there is
		disk.capacity.Store(disk.used() + int64(s.room.appends()) + 12<<20)
		for id := range fill(t, s, 100_000) {
			stored[id] = true
		}
		require.NoError(t, s.Err())
		require.Zero(t, disk.refused.Load(), "the disk itself never refuses")
		for err = nil; err == nil; { // a compaction may just have made a little room
			e := Event{ID: uuid.New(), Type: "t"}
			if _, err = s.Append(t.Context(), "s-0", ExpectAny, []Event{e}); err == nil {
				stored[e.ID] = true
			}
		}
		require.ErrorIs(t, err, ErrFull)
		again, err := s.Append(t.Context(), "first", ExpectNoStream, []Event{first})
		require.NoError(t, err, "what is stored already needs no room")
		require.Equal(t, result, again)
		_, err = s.Append(t.Context(), "first", ExpectNoStream, []Event{{ID: uuid.New(), Type: "t"}})
		require.ErrorAs(t, err, new(*WrongRevisionError))
		requireStored(t, s, stored)
		require.Greater(t, len(stored), (round+1)*100)
	}
	require.NoError(t, s.Close())
	s, err = openOn(disk)
	require.NoError(t, err, "it opens on a full disk: there is the reserve")
	requireStored(t, s, stored)
	disk.capacity.Store(1 << 40)
	require.Len(t, fill(t, s, 1), 4)
	require.NoError(t, s.Close())
}

// Somebody else takes everything there is, also the reserve, at any time.
func TestADiskThatOthersFillRefusesWritesAndRecovers(t *testing.T) {
	disk := newQuota(vfs.NewMem(), "db", 1<<40)
	s, err := openOn(disk)
	require.NoError(t, err)
	stored := fill(t, s, 300) // several memtables
	disk.capacity.Store(0)
	require.Empty(t, fill(t, s, 1))
	requireStored(t, s, stored)
	flushed := make(chan error)
	go func() {
		f, err := s.room.Create("db/flush", "pebble-memtable-flush")
		flushed <- errors.Join(err, f.Close())
	}()
	select {
	case <-flushed:
		t.Fatal("flushed into nothing")
	case <-time.After(2 * roomPoll): // a flush must wait for room, and nothing tells that it does
	}
	require.NoError(t, s.Err())
	disk.capacity.Store(1 << 40)
	require.NoError(t, <-flushed)
	require.Len(t, fill(t, s, 1), 4)
	require.NoError(t, s.Close())
	disk.capacity.Store(0)
	_, err = openOn(disk)
	require.ErrorIs(t, err, ErrFull)
}

// When the disk is full against what it said, the log stops, and has everything that was acknowledged.
func TestAWriteThatFindsNoRoomStopsTheLog(t *testing.T) {
	memory := vfs.NewCrashableMem()
	disk := newQuota(memory, "db", 1<<40)
	s, err := openOn(disk)
	require.NoError(t, err)
	disk.lies.Store(true)
	disk.capacity.Store(disk.used() + 8<<20)
	stored := fill(t, s, 100_000)
	<-s.Done()
	require.ErrorContains(t, s.Err(), syscall.ENOSPC.Error())
	require.ErrorIs(t, s.Close(), ErrStopped)

	s, err = openOn(memory.CrashClone(vfs.CrashCloneCfg{}))
	require.NoError(t, err)
	requireStored(t, s, stored)
	require.Greater(t, len(stored), 100)
	require.NoError(t, s.Close())
}
