// Command client-secrets serves KDesk Client Secrets and carries out what its operators ask for.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/platform/heap"
)

func main() {
	heap.Tune()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "client-secrets:", err)
		if errors.Is(err, eventstore.ErrForeignLog) {
			fmt.Fprint(os.Stderr, foreignLogAdvice)
		}
		os.Exit(1)
	}
}

// foreignLogAdvice is for whoever finds that the log went back in time, or is another one.
const foreignLogAdvice = `
The event log is not the one that this was made from: it was restored to an earlier state, or EVENTSTORE_URL names
another one. Stop every server, then either
  - bring back the log that belongs to this database, or
  - if this log is the right one and the events it lacks are lost: client-secrets log adopt
and start the servers again. What was answered to requests whose events are lost is no longer true.
`

// newRoot returns the command line.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "client-secrets",
		Short:         "Keep clients' secrets as structured, masked records, and record every reveal before it happens",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().Bool("dev", false, "use the embedded defaults in DATA_DIR, on loopback only")
	root.AddCommand(newServe(), newWorkspace(), newProjections(), newKey(), newLog(), newBackup(), newRestore(),
		newErase(), newImport(), newKeys(), newOpenAPI(), newEvents())
	return root
}

// parent returns a command that is nothing but those to be added to it.
func parent(use, short string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
}

// settings reads the configuration of a command and makes its logger.
func settings(cmd *cobra.Command) (config, *slog.Logger, error) {
	dev, err := cmd.Flags().GetBool("dev")
	if err != nil {
		return config{}, nil, err
	}
	c, err := readConfig(dev)
	if err != nil {
		return config{}, nil, err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return config{}, nil, fmt.Errorf("LOG_LEVEL: must be debug, info, warn or error")
	}
	if dev && c.LogLevel == "info" {
		level = slog.LevelWarn // the terminal belongs to what people are to read
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewJSONHandler(cmd.ErrOrStderr(), options)
	if dev {
		handler = slog.NewTextHandler(cmd.ErrOrStderr(), options)
	}
	logger := slog.New(handler)
	slog.SetDefault(logger) // for libraries that log by themselves
	return c, logger, nil
}

// quieter returns a logger for commands whose output people read: warnings and worse only.
func quieter(cmd *cobra.Command) *slog.Logger {
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// usage returns a command's help followed by every setting.
func withSettings(long string) string {
	var b strings.Builder
	b.WriteString(long)
	b.WriteString("\n\nSettings, from the environment:\n\n")
	describeSettings(&b)
	return b.String()
}
