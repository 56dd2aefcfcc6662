package storage

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"math"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func restoreOptions(t *testing.T) Options {
	return Options{Dir: filepath.Join(t.TempDir(), "log"), CacheBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)}
}

// everything is the whole content of the database, key by key.
func everything(t *testing.T, s *Store) (pairs []string) {
	t.Helper()
	iter, err := s.db.NewIter(&pebble.IterOptions{})
	require.NoError(t, err)
	for valid := iter.First(); valid; valid = iter.Next() {
		pairs = append(pairs, string(iter.Key())+"\x00"+string(iter.Value()))
	}
	require.NoError(t, iter.Close())
	return pairs
}

// storedEvents reads a log as a backup does.
func storedEvents(t *testing.T, s *Store) (all []Stored) {
	t.Helper()
	v, err := s.View()
	require.NoError(t, err)
	defer v.Close()
	_, err = v.ScanAll(0, false, func(position uint64, r Record) bool {
		e := Stored{Stream: string(r.Stream()), Revision: r.Revision(), Position: position, Created: r.Created(),
			Event: Event{ID: r.ID(), Type: string(r.Type()), JSON: string(r.Type()) != tombstoneType && string(r.Type()) != "blob", Data: append([]byte(nil), r.Data()...)}}
		all = append(all, e)
		return true
	})
	require.NoError(t, err)
	return all
}

func sequence(all []Stored) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// TestARestoredLogIsTheSameLog: after everything that can be done to streams, a log made of the events alone has the same
// bytes under the same keys, and goes on in the same way.
func TestARestoredLogIsTheSameLog(t *testing.T) {
	ctx := context.Background()
	original, err := Open(restoreOptions(t))
	require.NoError(t, err)
	put := func(s *Store, stream, kind string, data string) {
		_, err := s.Append(ctx, stream, ExpectAny, []Event{{ID: uuid.NewSHA1(uuid.Nil, []byte(stream+kind+data)), Type: kind, JSON: kind != "blob", Data: []byte(data)}})
		require.NoError(t, err)
	}
	put(original, "$$before", metadataType, `{"$maxCount":2}`) // metadata of a stream that is not there yet
	for _, data := range []string{"1", "2", "3"} {
		put(original, "before", "counted", data)
		put(original, "gone", "counted", data)
		put(original, "back", "counted", data)
		put(original, "$$settings", metadataType, `{"$maxAge":`+data+`}`)
	}
	put(original, "raw", "blob", "\x00\xff")
	put(original, "empty", "nothing", "")
	_, err = original.Tombstone(ctx, "gone", ExpectAny)
	require.NoError(t, err)
	_, err = original.Tombstone(ctx, "never", ExpectAny)
	require.NoError(t, err)
	for _, stream := range []string{"back", "raw"} {
		_, err = original.Delete(ctx, stream, ExpectAny)
		require.NoError(t, err)
	}
	put(original, "back", "counted", "4")

	o := restoreOptions(t)
	require.NoError(t, Restore(ctx, o, sequence(storedEvents(t, original))))
	copied, err := Open(o)
	require.NoError(t, err)
	require.Equal(t, everything(t, original), everything(t, copied))
	require.Error(t, Restore(ctx, Options{Dir: o.Dir, CacheBytes: 1 << 20, Logger: o.Logger}, sequence(nil)), "in use")
	next := Event{ID: uuid.New(), Type: "counted", Data: []byte("5")}
	for _, s := range []*Store{original, copied} {
		at, err := s.Append(ctx, "back", 3, []Event{next})
		require.NoError(t, err)
		require.EqualValues(t, 4, at.Revision)
		require.NoError(t, s.Close())
	}
	require.ErrorContains(t, Restore(ctx, o, sequence(nil)), "already")
}

func TestRestoreRefusesWhatDoesNotFollow(t *testing.T) {
	event := func(stream string, revision int64, position uint64) Stored {
		return Stored{Stream: stream, Revision: revision, Position: position, Event: Event{ID: uuid.New(), Type: "a"}}
	}
	dead := event("a", math.MaxInt64, 3)
	dead.Type = tombstoneType
	for name, events := range map[string][]Stored{
		"a gap":              {event("a", 0, 1), event("a", 2, 9)},
		"a repetition":       {event("a", 0, 1), event("a", 0, 9)},
		"no beginning":       {event("a", 1, 1)},
		"an older position":  {event("a", 0, 9), event("b", 0, 8)},
		"no position":        {event("a", 0, 0)},
		"a huge position":    {event("a", 0, math.MaxUint64)},
		"after a tombstone":  {dead, event("a", 0, 4)},
		"a huge revision":    {event("a", math.MaxInt64, 4)},
		"a negative one":     {event("a", -1, 4)},
		"the same position":  {event("a", 0, 9), event("a", 1, 9)},
		"revision back to 0": {event("a", 0, 1), event("a", 1, 2), event("a", 0, 3)},
	} {
		require.Error(t, Restore(context.Background(), restoreOptions(t), sequence(events)), name)
	}
	broken := errors.New("broken")
	err := Restore(context.Background(), restoreOptions(t), func(yield func(Stored, error) bool) { yield(Stored{}, broken) })
	require.ErrorIs(t, err, broken)
}
