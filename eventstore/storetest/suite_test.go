package storetest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore/embedded"
)

// TestSuite runs against the server that CONFORMANCE_URL names, else against servers of its own. It
// does not look at EVENTSTORE_URL, which may name the log of an installation.
func TestSuite(t *testing.T) {
	if url := os.Getenv("CONFORMANCE_URL"); url != "" {
		Suite(t, url)
		return
	}
	t.Run("insecure", func(t *testing.T) { Suite(t, Start(t).URL()) })
	t.Run("TLS", func(t *testing.T) {
		server, err := embedded.Open(t.Context(), embedded.Config{Dir: t.TempDir(), CacheBytes: 8 << 20, Logger: quiet()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Close()) })
		Suite(t, server.ConnectionString())
	})
}
