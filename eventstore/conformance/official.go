package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const clientModule = "github.com/EventStore/EventStore-Client-Go/v4"

//go:embed testdata/containers_test.go.txt
var fixture []byte

const (
	populated = "needs the vendor's populated database, which exists as a container image only"
	needsTLS  = "is about credentials, which need TLS; runs in the official client's tests over TLS"
)

// needPopulated and needTLS are the tests that are known to skip.
var (
	needPopulated = []string{
		"TestStreams/ReadStreamTests/readStreamEventsForwardsFromZeroPosition",
		"TestStreams/ReadStreamTests/readStreamEventsBackwardsFromEndPosition",
		"TestStreams/SubscriptionTests/streamSubscriptionDeliversAllEventsInStreamAndListensForNewEvents",
		"TestStreams/SubscriptionTests/allSubscriptionWithFilterDeliversCorrectEvents",
		"TestStreams/SubscriptionTests/connectionClosing",
		"TestStreams/SubscriptionTests/subscriptionAllWithCredentialsOverride",
		"TestStreams/SubscriptionTests/subscriptionToStreamCaughtUpMessage",
	}
	needTLS = []string{
		"TestStreams/AppendTests/appendToSystemStreamWithIncorrectCredentials",
		"TestStreams/ReadStreamTests/readStreamWithCredentialsOverride",
	}
)

// notRun are the official tests that are left out, and why.
var notRun = [][2]string{
	{"TestExpectations", populated},
	{"TestPersistentSubscriptions", "not offered: consumers keep their own checkpoints"},
	{"TestProjections", "not offered"},
	{"TestPlugins", "user certificates are a licensed plug-in of the servers"},
	{"TestMisc, TestConnectionString*, TestConsistent*", "test the client without a server"},
}

// official runs the official Go client's tests of streams against a server program, in both modes.
func official(ctx context.Context, r *report, work, server string) error {
	dir := filepath.Join(work, "client")
	if err := copyClient(ctx, dir); err != nil {
		return fmt.Errorf("copying the official client: %w", err)
	}
	skips := map[string]string{}
	for _, name := range needPopulated {
		skips[name] = populated
	}
	if err := officialMode(ctx, r, "official client, TLS", dir, skips, "EVENTSTORED="+server, "EVENTSTORE_INSECURE=false"); err != nil {
		return err
	}
	for _, name := range needTLS {
		skips[name] = needsTLS
	}
	if err := officialMode(ctx, r, "official client", dir, skips, "EVENTSTORED="+server, "EVENTSTORE_INSECURE=true"); err != nil {
		return err
	}
	for _, left := range notRun {
		r.add(result{suite: "official client", name: left[0], outcome: skipped, reason: left[1]})
	}
	return nil
}

func officialMode(ctx context.Context, r *report, name, dir string, skips map[string]string, env ...string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-mod=mod", "-json", "-count=1", "-timeout=5m", "-run", "^TestStreams$", "./esdb")
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK=off", "GOFLAGS="), env...)
	ownGroup(cmd)
	return r.goTest(name, cmd, skips)
}

// ownGroup has a command end together with the servers it started.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
}

// copyClient makes a module of the client's sources and this project's requirements: its tests then run with the
// versions that the product is built with, and need no module besides.
func copyClient(ctx context.Context, dir string) error {
	source, err := clientDir(ctx)
	if err != nil {
		return err
	}
	for _, folder := range []string{"esdb", "protos", "resources"} {
		if err := copyFolder(filepath.Join(source, folder), filepath.Join(dir, folder)); err != nil {
			return err
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		if err := copyFile(file, filepath.Join(dir, file)); err != nil {
			return err
		}
	}
	edit := exec.CommandContext(ctx, "go", "mod", "edit", "-module="+clientModule, "-droprequire="+clientModule)
	edit.Dir = dir
	if _, err := output(edit); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "esdb", "containers_test.go"), fixture, 0o600)
}

// clientDir is where the client's sources are, downloaded if they were not.
func clientDir(ctx context.Context) (string, error) {
	out, err := output(exec.CommandContext(ctx, "go", "mod", "download", "-json", clientModule))
	if err != nil {
		return "", err
	}
	var module struct{ Dir, Error string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", err
	}
	if module.Error != "" {
		return "", errors.New(module.Error)
	}
	return module.Dir, nil
}

// copyFolder makes writable copies: those in the module cache are not.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, relative), 0o700)
		}
		return copyFile(path, filepath.Join(to, relative))
	})
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
