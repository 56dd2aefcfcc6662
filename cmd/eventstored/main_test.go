package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
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

func TestUsersComeFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"name":"app","password":"hidden","groups":["product"]}]`), 0o600))
	users, err := readUsers(file)
	require.NoError(t, err)
	require.Equal(t, []embedded.User{{Name: "app", Password: "hidden", Groups: []string{"product"}}}, users)
	require.NoError(t, os.WriteFile(file, []byte(`[{"name":"app","password":"hidden","groops":[]}]`), 0o600))
	_, err = readUsers(file)
	require.ErrorContains(t, err, "not a JSON list")
	require.NotContains(t, err.Error(), "hidden")
}
