package esdb_test

import (
	"context"
	"io"
	"log/slog"
	"net/url"
	"testing"

	official "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/embedded"
	"github.com/kdesk/client-secrets/eventstore/esdb"
)

// The lists are those that docs/operations/event-log.md has operators append.
func TestTheRightsThatOperatorsGiveAreEnoughAndNotMore(t *testing.T) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	server, err := embedded.Open(t.Context(), embedded.Config{Dir: t.TempDir(), CacheBytes: 8 << 20, Logger: quiet,
		Users: []embedded.User{{Name: "app", Password: "app's"}}})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	client := func(connection string) *official.Client {
		settings, err := official.ParseConnectionString(connection)
		require.NoError(t, err)
		settings.Logger = official.NoopLogging()
		c, err := official.NewClient(settings)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	admin := client(server.ConnectionString())
	for _, list := range []struct{ stream, kind, data string }{
		{"$settings", "$settings", `{"$userStreamAcl": {"$r": ["app"], "$w": ["app"], "$d": [], "$mr": ["app"], "$mw": []}}`},
		{"$$$all", "$metadata", `{"$acl": {"$r": ["app"]}}`},
	} {
		_, err := admin.AppendToStream(t.Context(), list.stream, official.AppendToStreamOptions{ExpectedRevision: official.NoStream{}},
			official.EventData{EventType: list.kind, ContentType: official.ContentTypeJson, Data: []byte(list.data)})
		require.NoError(t, err)
	}
	address, err := url.Parse(server.ConnectionString())
	require.NoError(t, err)
	address.User = url.UserPassword("app", "app's")

	log, err := esdb.Open(t.Context(), esdb.Config{URL: address.String(), Logger: quiet})
	require.NoError(t, err)
	defer log.Close()
	_, err = log.Append(t.Context(), "secret-1", eventstore.NoStream(), proposed(2))
	require.NoError(t, err)
	require.Len(t, all(t, log, eventstore.Start, 0, eventstore.Filter{}), 2)
	for _, err := range log.ReadStream(t.Context(), "secret-1", 0) {
		require.NoError(t, err)
	}
	require.ErrorIs(t, log.Subscribe(t.Context(), eventstore.Start, eventstore.Filter{}, func(eventstore.Record) error { return errEnough }, nil), errEnough)
	require.ErrorIs(t, log.Alterations(t.Context(), func(eventstore.Alteration) error { return errEnough }), errEnough)

	app := client(address.String())
	denied := func(err error) {
		t.Helper()
		var failure *official.Error
		require.ErrorAs(t, err, &failure)
		require.Equal(t, official.ErrorCodeAccessDenied, failure.Code())
	}
	_, err = app.TombstoneStream(context.Background(), "secret-1", official.TombstoneStreamOptions{ExpectedRevision: official.Any{}})
	denied(err)
	_, err = app.DeleteStream(context.Background(), "secret-1", official.DeleteStreamOptions{ExpectedRevision: official.Any{}})
	denied(err)
	var none official.StreamMetadata
	none.SetMaxCount(1)
	_, err = app.SetStreamMetadata(context.Background(), "secret-1", official.AppendToStreamOptions{ExpectedRevision: official.Any{}}, none)
	denied(err)
}
