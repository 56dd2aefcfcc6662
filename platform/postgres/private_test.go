//go:build unix

package postgres

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// childFolder makes this test binary run a private server on that folder until it is killed.
const childFolder = "POSTGRES_TEST_CHILD_FOLDER"

func TestMain(m *testing.M) {
	syscall.Umask(0o022) // another user runs what some tests write
	dir := os.Getenv(childFolder)
	if dir == "" {
		os.Exit(m.Run())
	}
	p, err := StartPrivate(context.Background(), PrivateConfig{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(p.URL())
	select {}
}

// startChildProcess runs the binary again as a process of its own, and returns it with its server's URL.
func startChildProcess(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, strings.TrimSpace(line)
}

func start(t *testing.T, cfg PrivateConfig) *Private {
	t.Helper()
	p, err := StartPrivate(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	var value T
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&value))
	return value
}

const writeRow = "WITH made AS (INSERT INTO kept VALUES (7) RETURNING n) SELECT n FROM made"

func makeTable(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), "CREATE TABLE kept (n int UNIQUE)")
	require.NoError(t, err)
}

func TestARestartKeepsDataAndAddress(t *testing.T) {
	var log bytes.Buffer
	cfg := PrivateConfig{Dir: filepath.Join(t.TempDir(), "pg"), Durable: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	first, err := StartPrivate(t.Context(), cfg)
	require.NoError(t, err)
	makeTable(t, first.URL())
	query[int](t, first.URL(), writeRow)
	require.Equal(t, "on", query[string](t, first.URL(), "SHOW fsync"))
	require.Equal(t, "", query[string](t, first.URL(), "SHOW listen_addresses"), "no TCP unless asked for")

	require.NoError(t, first.Close())
	require.NoError(t, first.Close(), "closing twice")
	<-first.Done()
	_, running := RunningURL(cfg.Dir)
	require.False(t, running)

	second := start(t, cfg)
	require.Equal(t, first.URL(), second.URL())
	require.Equal(t, 7, query[int](t, second.URL(), "SELECT n FROM kept"))
	require.NotContains(t, log.String(), second.cluster.password)
}

func TestTheRoleIsNoSuperuserAndNeedsItsPassword(t *testing.T) {
	p := start(t, PrivateConfig{Dir: t.TempDir(), TCP: true})
	for _, url := range []string{p.URL(), p.TCPURL()} {
		require.Equal(t, "off", query[string](t, url, "SHOW is_superuser"))
		require.Equal(t, "off", query[string](t, url, "SHOW fsync"))
		for _, user := range []string{"client_secrets:wrong", "postgres:", "postgres:" + p.cluster.password} {
			conn, err := pgx.Connect(t.Context(), strings.Replace(url, "client_secrets:"+p.cluster.password, user, 1))
			require.Error(t, err)
			require.Nil(t, conn)
		}
	}
	info, err := os.Stat(p.cluster.path("password"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestTheServersLogHoldsNoValues(t *testing.T) {
	p := start(t, PrivateConfig{Dir: t.TempDir()})
	conn, err := pgx.Connect(t.Context(), p.URL())
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), "CREATE TABLE t (v text UNIQUE); INSERT INTO t VALUES ('tell-nobody')")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "INSERT INTO t VALUES ('tell-nobody')")
	require.Error(t, err)
	log, err := os.ReadFile(p.cluster.path("server.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), "duplicate key")
	require.NotContains(t, string(log), "tell-nobody")
}

func TestAnotherProcessFindsTheRunningServerAndStartsNoSecond(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pg")
	_, running := RunningURL(dir)
	require.False(t, running, "no folder yet")
	_, url := startChildProcess(t, dir)

	found, running := RunningURL(dir)
	require.True(t, running)
	require.Equal(t, url, found)
	_, err := StartPrivate(t.Context(), PrivateConfig{Dir: dir})
	require.ErrorIs(t, err, ErrInUse)
}

func TestAKilledParentTakesTheServerWithIt(t *testing.T) {
	dir := t.TempDir()
	parent, url := startChildProcess(t, dir)
	makeTable(t, url)
	query[int](t, url, writeRow)
	client, err := pgx.Connect(t.Context(), url) // a client that would hold up a polite shutdown
	require.NoError(t, err)
	defer func() { _ = client.Close(context.Background()) }()
	c, err := newCluster(PrivateConfig{Dir: dir})
	require.NoError(t, err)
	require.NotZero(t, c.livePostmaster())

	require.NoError(t, parent.Process.Kill())
	if inherited != "" { // Linux
		require.Eventually(t, func() bool { return c.livePostmaster() == 0 }, 20*time.Second, 20*time.Millisecond)
	}
	p := start(t, PrivateConfig{Dir: dir})
	require.Equal(t, 7, query[int](t, p.URL(), "SELECT n FROM kept"))
}

func TestAStartWaitsForTheServerOfAKilledParent(t *testing.T) {
	dir := t.TempDir()
	parent, url := startChildProcess(t, dir)
	makeTable(t, url)
	require.NoError(t, parent.Process.Kill())
	_, _ = parent.Process.Wait()
	p := start(t, PrivateConfig{Dir: dir}) // at once: the old server is still shutting down
	require.Equal(t, 0, query[int](t, p.URL(), "SELECT count(*)::int FROM kept"))
}

func TestAStartAfterThePostmasterAloneWasKilled(t *testing.T) {
	dir := t.TempDir()
	first := start(t, PrivateConfig{Dir: dir, Durable: true}) // else the last commits are in memory only
	makeTable(t, first.URL())
	query[int](t, first.URL(), writeRow)
	require.NoError(t, syscall.Kill(first.cluster.livePostmaster(), syscall.SIGKILL))
	<-first.Done()
	require.NoError(t, first.Close())

	second := start(t, PrivateConfig{Dir: dir})
	require.Equal(t, 7, query[int](t, second.URL(), "SELECT n FROM kept"))
}

func TestAProcessIdThatNowBelongsToSomethingElseIsNoObstacle(t *testing.T) {
	dir := t.TempDir()
	first := start(t, PrivateConfig{Dir: dir})
	sleeper := exec.Command("sleep", "600")
	sleeper.SysProcAttr = first.cluster.account.attr() // of the same user, else PostgreSQL would not mind
	require.NoError(t, sleeper.Start())
	t.Cleanup(func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() })
	leftover, err := os.ReadFile(first.cluster.path("data/postmaster.pid"))
	require.NoError(t, err)
	require.NoError(t, first.Close())
	_, rest, _ := strings.Cut(string(leftover), "\n")
	file := first.cluster.path("data/postmaster.pid")
	require.NoError(t, os.WriteFile(file, []byte(strconv.Itoa(sleeper.Process.Pid)+"\n"+rest), 0o600))
	require.NoError(t, os.Chown(file, first.cluster.account.uid, first.cluster.account.gid))

	second := start(t, PrivateConfig{Dir: dir})
	require.Equal(t, 1, query[int](t, second.URL(), "SELECT 1"))
	require.NoError(t, sleeper.Process.Signal(syscall.Signal(0)), "the other process is left alone")
}

func TestAClosedFolderAboveIsNoObstacleForRoot(t *testing.T) {
	if os.Geteuid() != 0 || inherited == "" {
		t.Skip("needs root on Linux")
	}
	closed := openFolder(t)
	require.NoError(t, os.Chmod(closed, 0o700))
	cfg := PrivateConfig{Dir: filepath.Join(closed, "pg"), TCP: true}
	first := start(t, cfg)
	require.Equal(t, inherited, first.cluster.base)
	makeTable(t, first.URL())
	query[int](t, first.TCPURL(), writeRow)
	found, running := RunningURL(cfg.Dir)
	require.True(t, running)
	require.Equal(t, first.URL(), found)
	require.NoError(t, first.Close())

	second := start(t, cfg)
	require.Equal(t, 7, query[int](t, second.URL(), "SELECT n FROM kept"))
}

func TestAHalfMadeClusterIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700))
	p := start(t, PrivateConfig{Dir: dir})
	require.Equal(t, 1, query[int](t, p.URL(), "SELECT 1"))
	require.NoDirExists(t, filepath.Join(dir, "data.new"))
}

func TestAPathTooLongForASocketFallsBackToTCPAndKeepsItsPort(t *testing.T) {
	cfg := PrivateConfig{Dir: filepath.Join(t.TempDir(), strings.Repeat("long", 25))}
	first := start(t, cfg)
	require.Equal(t, first.TCPURL(), first.URL())
	require.Equal(t, 1, query[int](t, first.URL(), "SELECT 1"))
	found, running := RunningURL(cfg.Dir)
	require.True(t, running)
	require.Equal(t, first.URL(), found)
	require.NoError(t, first.Close())

	second := start(t, cfg)
	require.Equal(t, first.URL(), second.URL())
	require.NoError(t, second.Close())

	taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(second.cluster.port)))
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	third := start(t, cfg)
	require.NotEqual(t, first.URL(), third.URL(), "the kept port is taken")
}

func TestAGivenPortThatIsTakenIsAnError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	_, err = StartPrivate(t.Context(), PrivateConfig{Dir: t.TempDir(), TCP: true, Port: taken.Addr().(*net.TCPAddr).Port})
	require.ErrorContains(t, err, "Address already in use")
}

func TestAStartThatIsCancelledLeavesNothingRunning(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := StartPrivate(ctx, PrivateConfig{Dir: dir})
	require.ErrorIs(t, err, context.Canceled)
	start(t, PrivateConfig{Dir: dir})
}
