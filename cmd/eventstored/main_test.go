package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore/embedded"
)

func TestRunAnnouncesItselfAndStopsWhenInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out, in := io.Pipe()
	done := make(chan error, 1)
	cfg := embedded.Config{Dir: t.TempDir(), Insecure: true, CacheBytes: 8 << 20, Logger: slog.New(slog.DiscardHandler)}
	go func() { done <- run(ctx, cfg, true, in) }()
	var said struct{ ConnectionString, Address string }
	require.NoError(t, json.NewDecoder(out).Decode(&said))
	require.Equal(t, "esdb://"+said.Address+"?tls=false", said.ConnectionString)
	interrupt()
	require.NoError(t, <-done)
}

func TestADirectoryIsRequired(t *testing.T) {
	cmd := command()
	cmd.SetArgs([]string{"--insecure"})
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	require.ErrorContains(t, cmd.ExecuteContext(t.Context()), `"dir" not set`)
}
