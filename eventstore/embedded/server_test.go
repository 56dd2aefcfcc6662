package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/stretchr/testify/require"
)

func TestTLSAndPassword(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Insecure = false
	server, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	connection := server.ConnectionString()
	require.Contains(t, connection, "tls=true")
	c := connect(t, connection)
	appendTo(t, c, "s", esdb.NoStream{}, event("e"))
	require.NoError(t, server.Close())

	cfg.Listen = server.Addr()
	require.Equal(t, connection, startServer(t, cfg).ConnectionString(), "certificates and password are kept")
	c = connect(t, connection)
	require.Len(t, readStream(t, c, "s", esdb.ReadStreamOptions{From: esdb.Start{}}), 1)

	// Reads, since the client may miss why an append is refused that it is still sending.
	user, _, _ := strings.Cut(strings.TrimPrefix(connection, "esdb://"), "@")
	wrong := connect(t, strings.Replace(connection, user, "admin:wrong", 1))
	require.Equal(t, esdb.ErrorCodeUnauthenticated, code(t, readError(t, wrong, "s")))
	anonymous := connect(t, strings.Replace(connection, user+"@", "", 1))
	require.Equal(t, esdb.ErrorCodeAccessDenied, code(t, readError(t, anonymous, "s")))
	unverified := connect(t, strings.Split(connection, "?")[0]+"?tls=true&maxDiscoverAttempts=1")
	_, err = unverified.AppendToStream(within(t), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("e"))
	require.ErrorContains(t, err, "failed to verify certificate")

	for _, secret := range []string{"password", "tls/ca.key", "tls/server.key"} {
		info, err := os.Stat(filepath.Join(cfg.Dir, secret))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), secret)
	}
}

func TestDiscoveryFindsTheServer(t *testing.T) {
	server := startServer(t, testConfig(t.TempDir()))
	c := connect(t, strings.Replace(server.ConnectionString(), "esdb://", "esdb+discover://", 1))
	appendTo(t, c, "s", esdb.NoStream{}, event("e"))
	version, err := c.GetServerVersion()
	require.NoError(t, err)
	require.Equal(t, 24, version.Major)
}

func TestADirectoryHasOneServer(t *testing.T) {
	cfg := testConfig(t.TempDir())
	startServer(t, cfg)
	_, err := Open(t.Context(), cfg)
	require.ErrorContains(t, err, "opening the event log")
}

func TestWhatIsNotOfferedSaysSo(t *testing.T) {
	c := newClient(t)
	require.NoError(t, c.CreatePersistentSubscription(within(t), "s", "group", esdb.PersistentStreamSubscriptionOptions{}),
		"clients probe servers with it")
	require.Error(t, c.CreatePersistentSubscription(within(t), "s", "", esdb.PersistentStreamSubscriptionOptions{}))
	_, err := c.SubscribeToPersistentSubscription(within(t), "s", "group", esdb.SubscribeToPersistentSubscriptionOptions{})
	require.Error(t, err)
	err = c.DeletePersistentSubscription(within(t), "s", "group", esdb.DeletePersistentSubscriptionOptions{})
	require.Equal(t, esdb.ErrorCodeUnsupportedFeature, code(t, err))
	require.ErrorContains(t, err, "no persistent subscriptions")
}

func TestInvalidRequestsAreRefused(t *testing.T) {
	c := newClient(t)
	for _, stream := range []string{"", "$all"} {
		_, err := c.AppendToStream(within(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event("e"))
		require.Error(t, err)
	}
}

func TestAnInsecureServerIsForLoopbackOnly(t *testing.T) {
	for _, listen := range []string{":0", "0.0.0.0:0", "192.0.2.1:0", "[::]:0"} {
		cfg := testConfig(t.TempDir())
		cfg.Listen = listen
		_, err := Open(t.Context(), cfg)
		require.ErrorContains(t, err, "loopback only", listen)
	}
}
