//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// settings are given at every start and so outrank the cluster's own files. Statements and key values stay out of the
// server's log.
func (c *cluster) settings() map[string]string {
	set := map[string]string{
		"listen_addresses":        "",
		"port":                    strconv.Itoa(c.number()),
		"unix_socket_directories": "",
		"unix_socket_permissions": "0700",
		"max_connections":         "100",
		"shared_buffers":          "128MB",
		"wal_level":               "minimal", // nobody replicates it; indexes are built without writing them twice
		"max_wal_senders":         "0",
		"min_wal_size":            "80MB",
		"max_wal_size":            "512MB",
		"checkpoint_timeout":      "15min",
		"jit":                     "off",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_statement":           "none",
		"log_checkpoints":         "off",
		"log_error_verbosity":     "terse",
		"log_min_error_statement": "panic",
	}
	if c.socket {
		set["unix_socket_directories"] = filepath.Join(c.base, "run")
	}
	if c.port != 0 {
		set["listen_addresses"] = "127.0.0.1"
	}
	if !c.cfg.Durable {
		for name, value := range map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
			"max_connections": "300"} {
			set[name] = value
		}
	}
	return set
}

// launch starts the postmaster and waits until it answers.
func (c *cluster) launch(ctx context.Context) (*child, error) {
	args := []string{"-D", filepath.Join(c.base, "data")}
	for name, value := range c.settings() {
		args = append(args, "-c", name+"="+value)
	}
	cmd, free, err := c.program("postgres", args...)
	if err != nil {
		return nil, err
	}
	defer free()
	// The log of the run before is kept beside it, so the two together stay bounded by two runs.
	_ = os.Rename(c.path("server.log"), c.path("server.log.1"))
	log, err := os.OpenFile(c.path("server.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	server, err := startChild(cmd)
	if err != nil {
		return nil, err
	}
	if err := c.awaitReady(ctx, server); err != nil {
		return nil, errors.Join(err, server.end())
	}
	return server, nil
}

// logTail is the end of the server's log, for the text of an error.
func (c *cluster) logTail() string {
	data, _ := os.ReadFile(c.path("server.log"))
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], "\n")
}

// errOrphans says that processes of an earlier run still hold the cluster's shared memory.
var errOrphans = errors.New("processes of an earlier run have not ended yet")

func (c *cluster) whyEnded() error {
	if strings.Contains(c.logTail(), "pre-existing shared memory block") {
		return errOrphans
	}
	return nil
}

// pidStatus is what postmaster.pid tells (PostgreSQL's miscadmin.h, "Contents of postmaster.pid").
type pidStatus struct {
	pid    int
	port   int
	socket string // folder of the Unix socket, or ""
	tcp    bool
	state  string // "ready" when it answers queries
	lines  []string
}

func (c *cluster) pidFile() (pidStatus, error) {
	data, err := os.ReadFile(c.path("data/postmaster.pid"))
	if err != nil {
		return pidStatus{}, err
	}
	lines := strings.Split(string(data), "\n")
	line := func(n int) string {
		if n > len(lines) {
			return ""
		}
		return strings.TrimSpace(lines[n-1])
	}
	status := pidStatus{socket: line(5), tcp: line(6) != "", state: line(8), lines: lines}
	status.port, _ = strconv.Atoi(line(4))
	if status.pid, err = strconv.Atoi(line(1)); err != nil {
		return pidStatus{}, fmt.Errorf("reading postmaster.pid: %w", err)
	}
	return status, nil
}

// livePostmaster is the process id of the server that runs on this folder, or 0.
func (c *cluster) livePostmaster() int {
	status, err := c.pidFile()
	if err != nil || status.pid <= 1 || !worksIn(status.pid, c.path("data")) {
		return 0
	}
	return status.pid
}

// evict ends a server that an earlier, killed process left on this folder: the lock is ours, so nobody else owns it.
func (c *cluster) evict() error {
	pid := c.livePostmaster()
	if pid == 0 {
		return nil
	}
	return end(
		func(s syscall.Signal) { _ = syscall.Kill(pid, s) },
		func(d time.Duration) bool {
			look := time.NewTicker(10 * time.Millisecond)
			defer look.Stop()
			for deadline := time.Now().Add(d); time.Now().Before(deadline); <-look.C {
				if !worksIn(pid, c.path("data")) {
					return true
				}
			}
			return false
		})
}

// adoptPidFile frees a leftover postmaster.pid whose process id now belongs to something else, as happens when a
// container restarts. PostgreSQL would refuse to start; it accepts its parent's id as stale. The file is kept, since
// its other lines are how PostgreSQL finds out whether old server processes still use the cluster.
func (c *cluster) adoptPidFile() error {
	status, err := c.pidFile()
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil { // cut short by a power loss: it protects nothing
		return os.Remove(c.path("data/postmaster.pid"))
	}
	status.lines[0] = strconv.Itoa(os.Getpid())
	if err := os.WriteFile(c.path("data/postmaster.pid"), []byte(strings.Join(status.lines, "\n")), 0o600); err != nil {
		return fmt.Errorf("adopting postmaster.pid: %w", err)
	}
	return nil
}
