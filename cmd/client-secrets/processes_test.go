package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/oidc"
	"github.com/kdesk/client-secrets/platform/porttest"
	"github.com/kdesk/client-secrets/vault"
)

// world is the product as it is run in production, each part a process that a test can kill: the event log, a database,
// an identity provider and any number of servers. The demo workspace is in it.
type world struct {
	dir      string
	config   config
	provider *oidc.Provider
	log      *process
	demo     demoFile
}

// process is one that a test kills and starts again.
type process struct {
	*exec.Cmd
	ended  chan struct{}
	stderr string // file
}

// said is what it wrote to its standard error.
func (p *process) said(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(p.stderr)
	require.NoError(t, err)
	return string(text)
}

func (p *process) kill() {
	_ = p.Process.Signal(syscall.SIGCONT)
	_ = p.Process.Kill()
	<-p.ended
}

func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.Process.Signal(s))
}

// startProcess starts a process that ends with the test at the latest. What it says is shown if the test fails.
func startProcess(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	said, err := os.CreateTemp(t.TempDir(), "stderr-")
	require.NoError(t, err)
	cmd.Stderr = said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Logf("%s said at the end: %s", filepath.Base(cmd.Path), text[max(0, len(text)-4000):])
		}
		_ = said.Close()
	})
	p := &process{Cmd: cmd, ended: make(chan struct{}), stderr: said.Name()}
	go func() {
		_ = cmd.Wait() // how it ended is the test's doing
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// eventstored is the real program, built once for each run of the tests, always in the same place.
var eventstored = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "client-secrets", "programs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "eventstored")
	fresh := fmt.Sprintf("%s-%d", path, os.Getpid())
	out, err := exec.Command("go", "build", "-o", fresh, "../eventstored").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building eventstored: %w: %s", err, out)
	}
	return path, os.Rename(fresh, path) // a process that runs the one before keeps it
})

// newWorld starts everything but the servers. An empty database URL stands for an embedded database, which the first
// server runs.
func newWorld(t *testing.T, database string) *world {
	t.Helper()
	w := &world{dir: folder(t)}
	require.NoError(t, os.Chmod(w.dir, 0o755)) // PostgreSQL runs as another user than root
	if database == "" {
		database = embeddedScheme + filepath.Join(w.dir, "postgres")
	}
	key := filepath.Join(w.dir, "root.key")
	require.NoError(t, vault.CreateKeyFile(key))
	var people []oidc.Person
	for _, p := range demoPeople {
		people = append(people, oidc.Person{Subject: p.id, Name: p.name, Email: p.email()})
	}
	var err error
	w.provider, err = oidc.Start(t.Context(), oidc.Config{Dir: filepath.Join(w.dir, "sign-in"), Audience: "client-secrets", People: people})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.provider.Close() })
	w.config = config{Listen: "127.0.0.1:0", DataDir: w.dir, DatabaseURL: database, KMSURL: "file://" + key, BlobURL: "file://" + filepath.Join(w.dir, "files"),
		OIDCIssuer: w.provider.Issuer(), OIDCAudience: "client-secrets", OIDCAlgorithms: []string{"RS256"},
		DatabaseConnections: 16, ShutdownTimeout: time.Second, LogLevel: "warn"}
	w.startLog(t, porttest.Free(t))
	w.makeDemo(t)
	return w
}

// startLog starts the event log as a process of its own, on an address that stays the same.
func (w *world) startLog(t testing.TB, address string) {
	t.Helper()
	program, err := eventstored()
	require.NoError(t, err)
	cmd := exec.Command(program, "--dir", filepath.Join(w.dir, "eventlog"), "--listen", address, "--cache", "16")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	w.log = startProcess(t, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "the event log ended before it was ready")
	w.config.EventStoreURL = strings.TrimSpace(line)
	go func() { _, _ = io.Copy(io.Discard, out) }()
}

// logAddress is where the event log listens.
func (w *world) logAddress() string {
	_, rest, _ := strings.Cut(w.config.EventStoreURL, "@")
	address, _, _ := strings.Cut(rest, "?")
	return strings.TrimSuffix(address, "/")
}

// with runs do on the product in this process, beside whatever servers run, without leading any read model.
func (w *world) with(t testing.TB, do func(ctx context.Context, p *product) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	b, err := openBackends(ctx, w.config, logger)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.close()) }()
	p, err := assemble(ctx, b, logger)
	require.NoError(t, err)
	g := p.readLog()
	g.add("the test", func(ctx context.Context) error {
		if err := p.awaitIndex(ctx); err != nil {
			return err
		}
		return do(ctx, p)
	})
	require.NoError(t, g.run(ctx))
	require.NoError(t, ctx.Err())
}

func (w *world) makeDemo(t testing.TB) {
	t.Helper()
	w.with(t, func(ctx context.Context, p *product) (err error) {
		if w.demo, err = (demo{commands: p.commands, issuer: w.provider.Issuer()}).make(ctx); err != nil {
			return err
		}
		for _, person := range demoPeople {
			token, err := w.provider.Token(ctx, person.id, time.Hour)
			if err != nil {
				return err
			}
			w.demo.Members[person.role] = demoMember{ID: person.id, Token: token}
		}
		return nil
	})
}

// settings are those of a server that listens on an address.
func (w *world) settings(address string) []string {
	c := w.config
	return append(os.Environ(), asProgram+"=1", "LISTEN="+address, "DATA_DIR="+w.dir, "EVENTSTORE_URL="+c.EventStoreURL,
		"DATABASE_URL="+c.DatabaseURL, "KMS_URL="+c.KMSURL, "BLOB_URL="+c.BlobURL, "OIDC_ISSUER="+c.OIDCIssuer, "EVENTSTORE_CACHE_BYTES=16777216", "LOG_LEVEL=error")
}

// server is one instance of the product.
type server struct {
	*process
	api     *program // what calls it
	address string
}

// serve starts an instance and waits until it is ready.
func (w *world) serve(t testing.TB, address string) *server {
	t.Helper()
	s := w.launch(t, address)
	s.awaitReady(t)
	return s
}

func (w *world) launch(t testing.TB, address string) *server {
	t.Helper()
	cmd := exec.Command(os.Args[0], "serve")
	cmd.Env = w.settings(address)
	s := &server{process: startProcess(t, cmd), api: &program{demo: w.demo}, address: address}
	s.api.demo.Address = "http://" + address
	return s
}

func (s *server) awaitReady(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		select {
		case <-s.ended:
			return false
		default:
		}
		client := http.Client{Timeout: time.Second}
		response, err := client.Get(s.api.demo.Address + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, time.Minute, 20*time.Millisecond, "the server is not ready")
}

// holds tells whether a lease is this instance's: its process id is in the holder's name.
func (s *server) holds(holder string) bool {
	return strings.Contains(holder, "/"+strconv.Itoa(s.Process.Pid)+"/")
}

// run runs a command of the program to its end and returns what it printed.
func (w *world) run(t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = w.settings("127.0.0.1:0")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// killDatabase kills the embedded PostgreSQL as kill -9 does, and waits until another one runs in its place.
func (w *world) killDatabase(t testing.TB) {
	t.Helper()
	pid, _ := w.postmaster()
	require.NotZero(t, pid)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		other, ready := w.postmaster()
		return ready && other != pid
	}, time.Minute, 10*time.Millisecond, "the database does not come back")
}

// postmaster is the process of the embedded PostgreSQL, and whether it answers queries.
func (w *world) postmaster() (pid int, ready bool) {
	text, err := os.ReadFile(filepath.Join(w.dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	pid, _ = strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	return pid, strings.Contains(string(text), "ready")
}
