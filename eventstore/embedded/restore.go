package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/eventstore/embedded/internal/storage"
)

// Stored is an event as a log has it. Restore keeps all of it.
type Stored struct {
	ID       uuid.UUID
	Stream   string
	Revision uint64 // math.MaxInt64 for a tombstone
	Position uint64
	Type     string
	JSON     bool
	Data     []byte
	Metadata []byte
	Created  time.Time // to 100 ns
}

// Restored is a log that was made of events and is not in its place yet.
type Restored struct{ dir string }

// Restore makes a log of events in the order of their positions, beside the place where a server of dir looks for its
// log: Publish puts it there. It fails if there is a log in that place, or if the events do not follow each other. Only
// one Restore at a time may be under way in a directory.
//
// Positions, revisions and times stay what they are, so that checkpoints made from the original hold here too.
func Restore(ctx context.Context, dir string, logger *slog.Logger, events iter.Seq2[Stored, error]) (*Restored, error) {
	if err := Vacant(dir); err != nil {
		return nil, err
	}
	if err := createDir(dir); err != nil {
		return nil, fmt.Errorf("creating the data directory: %w", err)
	}
	r := &Restored{dir}
	if err := r.Discard(); err != nil { // what a crash left
		return nil, err
	}
	err := storage.Restore(ctx, storage.Options{Dir: r.unpublished(), CacheBytes: defaultCacheBytes, Logger: logger}, inOrder(events))
	if err != nil {
		return nil, errors.Join(err, r.Discard())
	}
	return r, nil
}

// Vacant fails if there is a log in a data directory.
func Vacant(dir string) error {
	switch _, err := os.Stat(filepath.Join(dir, "log")); {
	case err == nil:
		return fmt.Errorf("there is an event log in %s already", dir)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("looking for an event log: %w", err)
	}
	return nil
}

func inOrder(events iter.Seq2[Stored, error]) iter.Seq2[storage.Stored, error] {
	return func(yield func(storage.Stored, error) bool) {
		for e, err := range events {
			s := storage.Stored{Stream: e.Stream, Revision: int64(e.Revision), Position: e.Position, Created: e.Created,
				Event: storage.Event{ID: e.ID, Type: e.Type, JSON: e.JSON, Data: e.Data, Metadata: e.Metadata}}
			if !yield(s, err) {
				return
			}
		}
	}
}

func (r *Restored) unpublished() string { return filepath.Join(r.dir, "log.restoring") }

// Publish puts the log where a server looks for it, for good.
func (r *Restored) Publish() error {
	if err := Vacant(r.dir); err != nil {
		return err
	}
	if err := os.Rename(r.unpublished(), filepath.Join(r.dir, "log")); err != nil {
		return fmt.Errorf("publishing the restored event log: %w", err)
	}
	parent, err := os.Open(r.dir)
	if err != nil {
		return fmt.Errorf("publishing the restored event log: %w", err)
	}
	if err := errors.Join(parent.Sync(), parent.Close()); err != nil {
		return fmt.Errorf("publishing the restored event log: %w", err)
	}
	return nil
}

// Discard throws a log away that was not published.
func (r *Restored) Discard() error {
	if err := os.RemoveAll(r.unpublished()); err != nil {
		return fmt.Errorf("removing a log that was not restored: %w", err)
	}
	return nil
}
