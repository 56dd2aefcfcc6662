// Command eventstored serves an embedded event store on its own, for several processes of one machine. It
// prints the connection string for clients and runs until interrupted.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/eventstore/embedded"
	"github.com/kdesk/client-secrets/platform/heap"
)

func main() {
	heap.Grow() // with the ballast it would take a GiB at 10 million events, without it 640 MiB, and be no faster
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var cfg embedded.Config
	var asJSON bool
	var cacheMiB int64
	var users string
	cmd := &cobra.Command{
		Use:           "eventstored",
		Short:         "Serve an event store that keeps its data in one directory",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: false,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if cfg.Users, err = readUsers(users); err != nil {
				return err
			}
			cfg.CacheBytes = cacheMiB << 20
			cfg.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			return run(cmd.Context(), cfg, asJSON, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.Dir, "dir", "", "data directory, created if absent")
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1:2113", "address to listen on; port 0 takes a free one")
	flags.BoolVar(&cfg.Insecure, "insecure", false, "no TLS and no password, for tests on loopback")
	flags.StringVar(&cfg.Username, "username", "", "name of the administrator (default admin); EVENTSTORED_PASSWORD is the password")
	flags.StringVar(&users, "users", "", "JSON file with a list of more users: name, password, groups")
	flags.Int64Var(&cacheMiB, "cache", 256, "size of the block cache in MiB")
	flags.BoolVar(&asJSON, "json", false, "print the connection string as JSON")
	cobra.CheckErr(cmd.MarkFlagRequired("dir"))
	return cmd
}

// run serves until ctx ends or the log fails. The connection string goes to out: it holds the password unless
// the server is insecure, so it is printed once and never logged.
func run(ctx context.Context, cfg embedded.Config, asJSON bool, out io.Writer) error {
	cfg.Password = os.Getenv("EVENTSTORED_PASSWORD")
	server, err := embedded.Open(ctx, cfg)
	if err != nil {
		return fmt.Errorf("starting the event store: %w", err)
	}
	if err := announce(out, server, asJSON); err != nil {
		return fmt.Errorf("printing the connection string: %w", err)
	}
	select {
	case <-ctx.Done():
	case <-server.Done():
	}
	if err := server.Close(); err != nil {
		return fmt.Errorf("stopping the event store: %w", err)
	}
	return nil
}

func announce(out io.Writer, server *embedded.Server, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintln(out, server.ConnectionString())
		return err
	}
	return json.NewEncoder(out).Encode(map[string]string{
		"connectionString": server.ConnectionString(), "address": server.Addr()})
}
