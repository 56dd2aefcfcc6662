package esdb_test

import (
	"context"
	"sync"
	"testing"
	"time"

	official "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/storetest"
)

// operator is an official client, as somebody with rights on the log has one.
func operator(t *testing.T, server *storetest.Server) *official.Client {
	settings, err := official.ParseConnectionString(server.URL())
	require.NoError(t, err)
	settings.Logger = official.NoopLogging()
	client, err := official.NewClient(settings)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestWhatIsDoneToTheLogIsToldFromItsBeginning(t *testing.T) {
	server := storetest.Start(t)
	log, client := server.Log(t), operator(t, server)
	for _, stream := range []string{"secret-1", "secret-2", "secret-3"} {
		_, err := log.Append(t.Context(), stream, eventstore.NoStream(), proposed(3))
		require.NoError(t, err)
	}
	_, err := client.TombstoneStream(t.Context(), "secret-1", official.TombstoneStreamOptions{ExpectedRevision: official.Any{}})
	require.NoError(t, err)
	_, err = client.DeleteStream(t.Context(), "secret-2", official.DeleteStreamOptions{ExpectedRevision: official.Any{}})
	require.NoError(t, err)

	type told struct {
		eventstore.AlterationKind
		stream string
	}
	var mu sync.Mutex
	var all []told
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- log.Alterations(ctx, func(a eventstore.Alteration) error {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, told{a.Kind, a.Stream})
			return nil
		})
	}()
	expect := func(want ...told) {
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(all) >= len(want)
		}, 20*time.Second, 5*time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, want, all)
	}
	before := []told{{eventstore.Deleted, "secret-1"}, {eventstore.Deleted, "secret-2"}}
	expect(before...)

	server.Stop(t)
	server.Restart(t)
	require.NoError(t, log.Ready(t.Context()))
	var keep official.StreamMetadata
	keep.SetMaxCount(1)
	_, err = operator(t, server).SetStreamMetadata(t.Context(), "secret-3", official.AppendToStreamOptions{ExpectedRevision: official.Any{}}, keep)
	require.NoError(t, err)
	before = append(before, told{eventstore.Truncated, "secret-3"})
	expect(before...)
	settings := official.EventData{EventType: "$settings", ContentType: official.ContentTypeJson, Data: []byte(`{}`)}
	_, err = operator(t, server).AppendToStream(t.Context(), "$settings", official.AppendToStreamOptions{ExpectedRevision: official.Any{}}, settings)
	require.NoError(t, err)
	expect(append(before, told{eventstore.AccessChanged, "$settings"})...)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}
