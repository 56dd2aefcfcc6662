package storage

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// memtables is how many of them pebble holds at most before writes wait for a flush.
	memtables = 4
	// reserveBytes stays free for the write-ahead log and the manifest: failing to write those stops the store.
	reserveBytes = 64 << 20

	roomPoll = 100 * time.Millisecond
	roomWait = 5 * time.Second
)

// room keeps the disk from ever being quite full, which pebble does not survive. Appends are refused while there is
// less free than all memtables may need to be flushed, and the reserve. Flushes may use that; compactions may not, and
// must not begin a file while it is short. Those wait for room, since pebble repeats what failed at once.
//
// Whoever else fills the disk can still take the reserve between the check and the write. Then the store stops, and
// loses nothing.
type room struct {
	vfs.FS
	dir    string
	table  uint64        // most bytes of a memtable
	opened atomic.Bool   // opening the store does not wait for compactions
	ended  chan struct{} // closed when nothing need be written any more
}

func (r *room) appends() uint64 { return memtables*r.table + reserveBytes }

// short returns an error while less is free than wanted. A file system that cannot tell is never short.
func (r *room) short(wanted uint64) error {
	usage, err := r.FS.GetDiskUsage(r.dir)
	if told := err == nil; !told || usage.AvailBytes >= wanted {
		return nil
	}
	return fmt.Errorf("%w: %d MiB are free, %d MiB must stay so", ErrFull, usage.AvailBytes>>20, wanted>>20)
}

// Create begins a file. The categories are pebble's names.
func (r *room) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	err := error(nil)
	switch category {
	case "pebble-memtable-flush":
		err = r.await(r.table)
	case "pebble-compaction", "pebble-blob-file-rewrite":
		if err = r.short(r.appends()); err != nil && r.opened.Load() {
			err = r.await(r.appends())
		}
	}
	if err != nil {
		return nil, err
	}
	return r.FS.Create(name, category)
}

// await waits a while for room.
func (r *room) await(wanted uint64) error {
	timeout := time.NewTimer(roomWait)
	defer timeout.Stop()
	for {
		err := r.short(wanted)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(roomPoll):
		case <-timeout.C:
			return err
		case <-r.ended:
			return err
		}
	}
}
