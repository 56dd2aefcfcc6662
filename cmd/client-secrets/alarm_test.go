package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	nethttp "net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore"
)

func TestTheAlarmIsLoudButBounded(t *testing.T) {
	var out bytes.Buffer
	a := newAlarm(slog.New(slog.NewJSONHandler(&out, nil)))
	require.Empty(t, a.notices())
	require.NoError(t, a.tell(eventstore.Alteration{Kind: eventstore.AccessChanged, Stream: "$settings", Position: 3}))
	require.Empty(t, a.notices(), "nothing is out of sight")
	require.NoError(t, a.tell(eventstore.Alteration{Kind: eventstore.Truncated, Stream: "secret-1", Position: 4}))
	require.Equal(t, []string{"event_log_altered"}, a.notices())

	var levels []string
	for line := range strings.Lines(out.String()) {
		var said struct{ Level, Stream string }
		require.NoError(t, json.Unmarshal([]byte(line), &said))
		levels = append(levels, said.Level+" "+said.Stream)
	}
	require.Equal(t, []string{"WARN $settings", "ERROR secret-1"}, levels)

	for range 1000 {
		require.NoError(t, a.tell(eventstore.Alteration{Kind: eventstore.Deleted, Stream: "secret-2"}))
	}
	require.Equal(t, alarmLines+1, strings.Count(out.String(), "\n"), "the last line says that more are only counted")
	registry, total := prometheus.NewRegistry(), 0.0
	require.NoError(t, registry.Register(a.counts))
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, m := range families[0].GetMetric() {
		total += m.GetCounter().GetValue()
	}
	require.InDelta(t, 1002, total, 0, "all are counted")
}

// requireAlarm deletes a stream of a running product's log behind its back.
func requireAlarm(t *testing.T, r *running) {
	t.Helper()
	page := func(path string) string {
		resp, err := nethttp.Get(r.demo.Address + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(body)
	}
	const count = `client_secrets_event_log_alterations_total{kind="deleted"} `
	require.Contains(t, page("/metrics"), count+"0")
	require.NotContains(t, page("/readyz"), hiddenNotice)

	connection, err := os.ReadFile(filepath.Join(r.dir, "data", "eventlog", connectionFile))
	require.NoError(t, err)
	settings, err := esdb.ParseConnectionString(string(connection))
	require.NoError(t, err)
	settings.Logger = esdb.NoopLogging()
	operator, err := esdb.NewClient(settings)
	require.NoError(t, err)
	defer operator.Close()
	_, err = operator.TombstoneStream(t.Context(), "secret-"+uuid.NewString(), esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(page("/readyz"), hiddenNotice) }, 20*time.Second, 20*time.Millisecond)
	require.Contains(t, page("/metrics"), count+"1")
}
