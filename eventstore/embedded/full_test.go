package embedded

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore"
	adapter "github.com/kdesk/client-secrets/eventstore/esdb"
)

// disk says how much room it has.
type disk struct {
	vfs.FS
	free atomic.Uint64
}

func (d *disk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

func TestAFullDiskIsNamedAndPasses(t *testing.T) {
	full := &disk{FS: vfs.NewMem()}
	full.free.Store(1 << 40)
	cfg := testConfig(t.TempDir())
	cfg.fs = full
	log, err := adapter.Open(t.Context(), adapter.Config{URL: startServer(t, cfg).ConnectionString(), Logger: quiet})
	require.NoError(t, err)
	defer log.Close()
	propose := func() []eventstore.Proposed {
		return []eventstore.Proposed{{ID: uuid.New(), Type: "t", Data: []byte("{}")}}
	}
	_, err = log.Append(t.Context(), "s-1", eventstore.NoStream(), propose())
	require.NoError(t, err)

	followed := make(chan uint64, 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- log.Subscribe(ctx, eventstore.Start, eventstore.Filter{}, func(r eventstore.Record) error {
			followed <- r.Revision
			return nil
		}, nil)
	}()
	require.Zero(t, <-followed)
	full.free.Store(1 << 20)
	for _, expected := range []eventstore.Expected{eventstore.Exact(0), eventstore.AnyRevision()} {
		_, err = log.Append(t.Context(), "s-1", expected, propose())
		require.ErrorIs(t, err, eventstore.ErrFull)
		require.NotErrorIs(t, err, eventstore.ErrUnavailable, "the outcome is known")
	}
	require.NoError(t, log.Ready(t.Context()), "reads go on")
	full.free.Store(1 << 40)
	_, err = log.Append(t.Context(), "s-1", eventstore.Exact(0), propose())
	require.NoError(t, err)
	require.EqualValues(t, 1, <-followed, "the subscription goes on")
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}
