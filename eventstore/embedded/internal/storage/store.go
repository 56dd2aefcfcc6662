package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say where and how to store.
type Options struct {
	Dir        string           // created if absent; one process at a time may hold it
	CacheBytes int64            // block cache; memtables take up to the same again, at most 64 MiB each
	Logger     *slog.Logger     // required
	FS         vfs.FS           // nil: the operating system's
	Now        func() time.Time // nil: the system clock
}

// closeWait bounds how long Close waits for a store that failed: its locks may be held for good.
const closeWait = 2 * time.Second

// Store is an open log. All methods may be called concurrently.
type Store struct {
	db     *pebble.DB
	cache  *pebble.Cache
	logger *slog.Logger
	views  published
	room   *room

	jobs    chan *job
	closing chan struct{} // closed by Close: the writer finishes what is queued
	written chan struct{} // closed when the writer has ended

	failure sync.Once
	err     error         // valid once failed is closed
	failed  chan struct{} // closed by the first failure
	close   sync.Once
	result  error // of Close
}

// Open opens or creates the log. It refuses a directory another process holds, and a disk that is all but full.
func Open(o Options) (*Store, error) {
	s, w, err := prepare(o)
	if err != nil {
		return nil, err
	}
	s.views.publish(newView(s.db, w.head))
	s.room.opened.Store(true)
	go s.write(w)
	return s, nil
}

// prepare opens or creates the database and finds where the log in it ends.
func prepare(o Options) (*Store, *writer, error) {
	if o.Now == nil {
		o.Now = systemClock
	}
	s := &Store{logger: o.Logger, jobs: make(chan *job, queueLength), closing: make(chan struct{}),
		written: make(chan struct{}), failed: make(chan struct{})}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	s.room = &room{FS: o.FS, dir: o.Dir, table: uint64(min(max(o.CacheBytes/4, 2<<20), 64<<20)), ended: make(chan struct{})}
	o.FS = s.room
	s.cache = pebble.NewCache(o.CacheBytes)
	db, err := s.openDB(o)
	if err != nil {
		s.cache.Unref()
		return nil, nil, fmt.Errorf("opening the event log in %s: %w", o.Dir, err)
	}
	s.db = db
	w, err := newWriter(db, o.Now, s.room)
	if err != nil {
		err = errors.Join(fmt.Errorf("recovering the event log in %s: %w", o.Dir, err), db.Close())
		s.cache.Unref()
		return nil, nil, err
	}
	return s, w, nil
}

// openDB opens a new database twice. The first write-ahead log of its life is begun before pebble has moved to
// the newest format, the one in which damage amid synced blocks is told from a torn tail.
func (s *Store) openDB(o Options) (*pebble.DB, error) {
	if err := s.room.short(s.room.table); err != nil { // recovery flushes what the write-ahead log holds
		return nil, err
	}
	found, err := pebble.Peek(o.Dir, o.FS)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err != nil || !found.Exists {
		db, err := pebble.Open(o.Dir, s.pebbleOptions(o))
		if err != nil {
			return nil, err
		}
		if err := db.Close(); err != nil {
			return nil, err
		}
	}
	return pebble.Open(o.Dir, s.pebbleOptions(o))
}

func (s *Store) pebbleOptions(o Options) *pebble.Options {
	p := &pebble.Options{
		Cache:                       s.cache,
		FS:                          o.FS,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                s.room.table,
		MemTableStopWritesThreshold: memtables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		BytesPerSync:                1 << 20,
		Logger:                      pebbleLogger{s},
	}
	for i := range p.Levels {
		p.Levels[i].BlockSize = 32 << 10
		p.Levels[i].Compression = func() *block.CompressionProfile { return block.FastestCompression }
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return p
}

// View returns the newest published state; the caller closes it. It fails once the store failed or closed.
func (s *Store) View() (*View, error) {
	select {
	case <-s.failed:
		return nil, s.err
	default:
	}
	if v := s.views.acquire(); v != nil {
		return v, nil
	}
	return nil, ErrClosed
}

// Done is closed when a commit failed and the store stopped for good; Err then says why.
func (s *Store) Done() <-chan struct{} { return s.failed }

// Err is nil until the store failed.
func (s *Store) Err() error {
	select {
	case <-s.failed:
		return s.err
	default:
		return nil
	}
}

func (s *Store) fail(err error) {
	s.failure.Do(func() {
		s.err = fmt.Errorf("%w: %w", ErrStopped, err)
		s.logger.Error("the event log stopped", "error", err)
		close(s.failed)
	})
}

// Close commits what is queued, flushes and releases the directory. Views must have been closed. After a
// failure it waits a bounded time, and the directory may stay locked until the process ends.
func (s *Store) Close() error {
	s.close.Do(func() {
		close(s.closing)
		<-s.written
		close(s.room.ended)
		if s.Err() == nil {
			s.result = s.closeDB()
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }() // a failed pebble may panic or call Goexit here
			_ = s.closeDB()
		}()
		select {
		case <-done:
		case <-time.After(closeWait):
		}
		s.result = s.Err()
	})
	return s.result
}

func (s *Store) closeDB() error {
	s.views.publish(nil)
	err := s.db.Close()
	s.cache.Unref()
	if err != nil {
		return fmt.Errorf("closing the event log: %w", err)
	}
	return nil
}

// Append adds events to a stream, all or none; they are on disk when it returns. If ctx ends first the
// outcome is unknown: repeat it with the same event ids.
func (s *Store) Append(ctx context.Context, stream string, expected Expected, events []Event) (Result, error) {
	pending, err := s.Begin(ctx, stream, expected, events)
	if err != nil {
		return Result{}, err
	}
	return pending.Wait(ctx)
}

// Pending is an append that has its place in the queue.
type Pending struct {
	store *Store
	job   *job
}

// Begin queues an append behind all begun before it, so that one caller can have several under way in a known
// order. If the queue is full it waits for a place; when it fails nothing is written.
func (s *Store) Begin(ctx context.Context, stream string, expected Expected, events []Event) (*Pending, error) {
	drafts := make([]draft, len(events))
	for i, e := range events {
		drafts[i] = newDraft(stream, e)
	}
	j := &job{operation: opAppend, stream: stream, expected: expected, drafts: drafts}
	return &Pending{store: s, job: j}, s.enqueue(ctx, j)
}

// Wait returns the outcome, as Append does.
func (p *Pending) Wait(ctx context.Context) (Result, error) { return p.store.wait(ctx, p.job) }

// Delete soft-deletes a stream: it reads as absent until somebody appends to it again.
func (s *Store) Delete(ctx context.Context, stream string, expected Expected) (Result, error) {
	return s.submit(ctx, &job{operation: opDelete, stream: stream, expected: expected})
}

// Tombstone ends a stream for good: reading it or appending to it is refused from then on.
func (s *Store) Tombstone(ctx context.Context, stream string, expected Expected) (Result, error) {
	return s.submit(ctx, &job{operation: opTombstone, stream: stream, expected: expected})
}

// pebbleLogger passes on what pebble finds wrong. Pebble expects Fatalf not to return and would by default
// end the process; here the calling goroutine ends, and the store fails.
type pebbleLogger struct{ store *Store }

func (l pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.store.logger.Error("pebble: " + fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.store.fail(fmt.Errorf(format, args...))
	runtime.Goexit()
}
