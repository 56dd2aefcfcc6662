package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// nodeClient is the folder of the Node script.
const nodeClient = "eventstore/conformance/node"

// nodeTimeout bounds the script: without a server its client waits and waits.
const nodeTimeout = 2 * time.Minute

// nodeFresh runs the Node script against a server of its own.
func nodeFresh(ctx context.Context, r *report, work, server string) (err error) {
	cmd := exec.CommandContext(ctx, server, "--dir", filepath.Join(work, "node-data"), "--listen", "127.0.0.1:0",
		"--cache", "16", "--json")
	cmd.Env = append(os.Environ(), "EVENTSTORED_PASSWORD=changeit")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting eventstored: %w", err)
	}
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(os.Interrupt), cmd.Wait())
	}()
	var said struct{ ConnectionString string }
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("eventstored did not start: %w", err)
	}
	if err := json.Unmarshal(line, &said); err != nil {
		return fmt.Errorf("eventstored did not say where it listens: %w", err)
	}
	return node(ctx, r, work, said.ConnectionString)
}

// node runs the Node script against a server. Without Node it is skipped.
func node(ctx context.Context, r *report, work, url string) error {
	const suite = "Node client"
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			r.add(result{suite: suite, name: "all", outcome: skipped, reason: program + " is not installed"})
			return nil
		}
	}
	dir := filepath.Join(work, "node")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, file := range []string{"package.json", "package-lock.json", "test.mjs"} {
		if err := copyFile(filepath.Join(nodeClient, file), filepath.Join(dir, file)); err != nil {
			return err
		}
	}
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
	install.Dir = dir
	if _, err := output(install); err != nil {
		r.add(result{suite: suite, name: "npm ci", outcome: failed, reason: err.Error()})
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	script := exec.CommandContext(ctx, "node", "test.mjs")
	script.Dir = dir
	script.Env = append(os.Environ(), "CONFORMANCE_URL="+url)
	return r.nodeTest(suite, script)
}

// nodeTest adds what the script printed: a JSON object for each of its tests.
func (r *report) nodeTest(suite string, cmd *exec.Cmd) error {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, runErr := cmd.Output()
	ended := 0
	for lines := json.NewDecoder(bytes.NewReader(out)); ; ended++ {
		var one struct {
			Name, Error string
			Seconds     float64
		}
		err := lines.Decode(&one)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading what the Node script said: %w", err)
		}
		got := result{suite: suite, name: one.Name, outcome: passed, seconds: one.Seconds}
		if one.Error != "" {
			got.outcome, got.reason = failed, one.Error
		}
		r.add(got)
	}
	if (runErr != nil || ended == 0) && r.count(suite, failed) == 0 {
		r.add(result{suite: suite, name: "the run as a whole", outcome: failed, reason: fmt.Sprint(runErr, "\n", stderr.String())})
	}
	return nil
}
