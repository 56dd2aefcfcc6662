package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
)

const (
	startLimit = 2 * time.Minute
	stopLimit  = 30 * time.Second
)

// child is a process that this one started. It is told to end when its context ends, and killed if it does not.
type child struct {
	*exec.Cmd
	ended chan struct{}
	err   error
}

// newCommand returns a command that writes its errors to ours.
func newCommand(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	return cmd
}

func startChild(cmd *exec.Cmd) (*child, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", filepath.Base(cmd.Path), err)
	}
	c := &child{Cmd: cmd, ended: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// stop ends the process and waits until it is gone.
func (c *child) stop() {
	_ = c.Process.Signal(syscall.SIGTERM) // fails if it is gone
	select {
	case <-c.ended:
	case <-time.After(stopLimit):
		_ = c.Process.Kill()
		<-c.ended
	}
}

// demo is what the product tells of its demo workspace.
type demo struct {
	Address   string    `json:"address"`
	Workspace uuid.UUID `json:"workspace"`
	Members   map[string]struct {
		ID    string `json:"id"`
		Token string `json:"token"`
	} `json:"members"`
}

// product is the running product.
type product struct {
	*child
	demo demo
	took time.Duration
}

// startProduct builds the product in dir and starts it with its embedded defaults in data.
func startProduct(ctx context.Context, dir, data string) (*product, error) {
	say("building the product")
	binary := filepath.Join(dir, "client-secrets")
	if err := newCommand(ctx, "go", "build", "-o", binary, "github.com/kdesk/client-secrets/cmd/client-secrets").Run(); err != nil {
		return nil, fmt.Errorf("building the product: %w", err)
	}
	say("starting the product")
	begun := time.Now()
	cmd := newCommand(ctx, binary, "serve", "--dev")
	cmd.Env = append(withoutSettings(os.Environ()), "LISTEN=127.0.0.1:0", "DATA_DIR="+data)
	c, err := startChild(cmd)
	if err != nil {
		return nil, err
	}
	p := &product{child: c}
	if err := p.await(ctx, filepath.Join(data, "demo.json")); err != nil {
		p.stop()
		return nil, err
	}
	p.took = time.Since(begun)
	return p, nil
}

// withoutSettings drops the settings that development is refused beside.
func withoutSettings(env []string) []string {
	var kept []string
	for _, e := range env {
		switch name, _, _ := strings.Cut(e, "="); strings.TrimSuffix(name, "_FILE") {
		case "EVENTSTORE_URL", "DATABASE_URL", "KMS_URL", "OIDC_ISSUER":
		default:
			kept = append(kept, e)
		}
	}
	return kept
}

// await waits until the product has written where it is.
func (p *product) await(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		encoded, err := os.ReadFile(file)
		switch {
		case err == nil:
			return json.Unmarshal(encoded, &p.demo)
		case !errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("reading where the product is: %w", err)
		}
		select {
		case <-look.C:
		case <-p.ended:
			return fmt.Errorf("the product ended before it was ready: %w", p.err)
		case <-ctx.Done():
			return fmt.Errorf("the product is not ready: %w", ctx.Err())
		}
	}
}
