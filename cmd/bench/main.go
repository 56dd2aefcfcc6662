// Command bench measures the product in one run, each figure beside its limit: reveals over HTTP, a ticket's panel beside
// a plain read of the same rows, and rebuilds of read models beside a plain COPY. `bench log` measures the embedded event log alone.
//
// The product is the real one, built and started as a process of its own in a temporary folder; the load comes from this
// process, on the same machine. A figure below its limit is shown, not failed: other work on the machine lowers them all.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/platform/heap"
)

// settings say how long and how much to measure.
type settings struct {
	json     bool
	duration time.Duration // of each load
	events   int           // of reveals in the log that is rebuilt from
	records  int           // secrets in the log that is rebuilt from
	only     string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == plainCommand {
		return servePlain(ctx)
	}
	heap.Tune() // as the product does: rebuilds, and reads of the log, run in this process
	if len(args) > 0 && args[0] == logCommand {
		return runLog(ctx, args[1:])
	}
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&s.json, "json", false, "print JSON")
	flags.DurationVar(&s.duration, "duration", 5*time.Second, "time of each load, after a warm-up")
	flags.IntVar(&s.events, "events", 300_000, "reveals in the log that read models are rebuilt from")
	flags.IntVar(&s.records, "records", 10_000, "secrets in the log that read models are rebuilt from")
	flags.StringVar(&s.only, "only", "", "measure this alone: reveals, panel or rebuild")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r := &report{}
	if err := measure(ctx, s, r); err != nil {
		return err
	}
	if s.json {
		return r.writeJSON(os.Stdout)
	}
	return r.writeTable(os.Stdout)
}

// measure takes every figure, and leaves neither a process nor a file behind.
func measure(ctx context.Context, s settings, r *report) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL may run as another user than root
		return fmt.Errorf("opening the folder to the database server: %w", err)
	}
	data := filepath.Join(dir, "data")
	workspace, err := measureServer(ctx, s, r, dir, data)
	if err != nil || !s.wants("rebuild") {
		return err
	}
	return measureRebuilds(ctx, s, r, data, workspace)
}

func (s settings) wants(what string) bool { return s.only == "" || s.only == what }

// measureServer measures what the running product answers, and returns the workspace that it did so in.
func measureServer(ctx context.Context, s settings, r *report, dir, data string) (uuid.UUID, error) {
	p, err := startProduct(ctx, dir, data)
	if err != nil {
		return uuid.Nil, err
	}
	defer p.stop()
	r.add(figure{Name: "start of the product, with its demo workspace", Value: p.took.Seconds(), Unit: "s"})
	say("making secrets over the API")
	world, err := makeWorld(ctx, p.demo)
	if err != nil {
		return uuid.Nil, fmt.Errorf("preparing the workspace: %w", err)
	}
	if err := revealEach(ctx, world); err != nil {
		return uuid.Nil, err
	}
	if s.wants("reveals") {
		if err := measureReveals(ctx, s, r, world); err != nil {
			return uuid.Nil, fmt.Errorf("measuring reveals: %w", err)
		}
	}
	if s.wants("panel") {
		if err := measurePanel(ctx, s, r, world, filepath.Join(data, "postgres")); err != nil {
			return uuid.Nil, fmt.Errorf("measuring the panel: %w", err)
		}
	}
	return p.demo.Workspace, nil
}

// say tells whoever waits what is being done.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }
