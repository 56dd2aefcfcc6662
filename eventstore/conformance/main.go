// Command conformance holds the embedded event store against what others expect of it: the official Go client's
// own tests, the Node client, and this project's suite for everything they leave out. It prints one line for each
// test and exits 1 if any failed, or was skipped without a known reason.
//
// With -url it runs against that server instead: our suite and the Node client. It starts servers on free
// loopback ports and downloads nothing but packages, by go and npm.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	url := flag.String("url", "", "connection string of the server to test; empty: our own, started for each test")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, *url)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run reports whether everything passed.
func run(ctx context.Context, url string) (bool, error) {
	work, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(work)
	var r report
	if url == "" {
		server := filepath.Join(work, "eventstored")
		if err := build(ctx, server); err != nil {
			return false, err
		}
		if err := official(ctx, &r, work, server); err != nil {
			return false, err
		}
		if err := ours(ctx, &r, ""); err != nil {
			return false, err
		}
		if err := nodeFresh(ctx, &r, work, server); err != nil {
			return false, err
		}
	} else {
		if err := ours(ctx, &r, url); err != nil {
			return false, err
		}
		if err := node(ctx, &r, work, url); err != nil {
			return false, err
		}
	}
	r.print(os.Stdout)
	return r.passed(), nil
}

func build(ctx context.Context, server string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", server, "./cmd/eventstored")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building eventstored: %w", err)
	}
	return nil
}

// ours runs this project's suite, against its own servers if url is empty.
func ours(ctx context.Context, r *report, url string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-run", "^TestSuite", "./eventstore/storetest")
	if url != "" {
		cmd.Args = append(cmd.Args, "-count=1")
		cmd.Env = append(os.Environ(), "CONFORMANCE_URL="+url)
	}
	return r.goTest("our suite", cmd, nil)
}

// output runs a command for what it prints. It fails with what it said besides.
func output(cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w: %s", cmd, err, exit.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	return out, nil
}
