// Package postgrestest gives each test an empty database on a real PostgreSQL.
//
// The first test of a process that asks starts a private server, which all tests of the process share and which ends
// with the process. Its folder, below the system's folder for temporary files, is reused by later processes. Set
// TEST_DATABASE_URL to use another server; its role must be allowed to create databases.
//
// It is for tests only: its server does not survive a power loss.
package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/kdesk/client-secrets/platform/internal/filelock"
	"github.com/kdesk/client-secrets/platform/postgres"
)

// limit bounds what a test waits for: a start of the server, a database made or dropped.
const limit = 2 * time.Minute

// shared is the server of this process.
var shared struct {
	sync.Mutex
	private *postgres.Private
	url     string
	create  string // options of CREATE DATABASE
}

// Main is the last line of a package's TestMain: it runs the tests, ends the server and exits. A package without it
// works too: its server ends when the system tells it that the process has gone.
func Main(m *testing.M) {
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// closeShared ends the server, if there is one.
func closeShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.private == nil {
		return nil
	}
	return shared.private.Close()
}

// Pool is a pool on an empty database of the test's own. Both go when the test ends.
func Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	dsn := URL(t)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	pool, err := postgres.Open(ctx, withMaxConns(t, dsn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePool(t, pool) })
	return pool
}

// withMaxConns keeps many parallel tests below the server's limit of connections.
func withMaxConns(t testing.TB, dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("not a postgres:// URL")
	}
	query := u.Query()
	query.Set("pool_max_conns", "10")
	u.RawQuery = query.Encode()
	return u.String()
}

// closePool reports a connection that a test never gave back, for which Close alone would wait for ever.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Errorf("the test still holds %d connections of its pool", pool.Stat().AcquiredConns())
	}
}

// URL is the connection string of an empty database of the test's own, which is dropped when the test ends, with all
// its connections.
func URL(t testing.TB) string {
	t.Helper()
	server, err := serverURL()
	if err != nil {
		t.Fatal(err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := execute(server, "CREATE DATABASE "+name+shared.create); err != nil {
		t.Fatalf("creating the test's database: %v", err)
	}
	t.Cleanup(func() {
		if err := execute(server, drop(name)...); err != nil {
			t.Errorf("dropping the test's database: %v", err)
		}
	})
	dsn, err := url.Parse(server)
	if err != nil {
		t.Fatal("TEST_DATABASE_URL is not a postgres:// URL")
	}
	dsn.Path = "/" + name
	return dsn.String()
}

// drop is how a database is dropped with its connections. DROP DATABASE WITH (FORCE) is refused to a role that is no superuser
// while the server vacuums the database; without it, the server stops that itself.
func drop(name string) []string {
	return []string{
		"ALTER DATABASE " + name + " ALLOW_CONNECTIONS false",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "' AND usename = current_user",
		"DROP DATABASE " + name, // waits for them to end
	}
}

// execute runs statements one after the other, each in a transaction of its own.
func execute(server string, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func serverURL() (string, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.url != "" {
		return shared.url, nil
	}
	server := os.Getenv("TEST_DATABASE_URL")
	if server == "" {
		private, err := start()
		if err != nil {
			return "", fmt.Errorf("starting PostgreSQL for the tests: %w", err)
		}
		shared.private, server = private, private.URL()
	}
	create, err := createOptions(server)
	if err != nil {
		return "", fmt.Errorf("asking PostgreSQL for its version: %w", err)
	}
	shared.url, shared.create = server, create
	return server, nil
}

// createOptions asks for the way to copy the template that is the quicker one without fsync, where there is a choice.
func createOptions(server string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	var version int
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version)
	if err != nil || version < 150000 {
		return "", err
	}
	return " STRATEGY FILE_COPY", nil
}

// slots bounds how many test processes run at once.
const slots = 64

// start takes the first folder that no other process is using. Each is made once, which takes a second, and reused.
func start() (*postgres.Private, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	base := filepath.Join(os.TempDir(), fmt.Sprintf("client-secrets-test-%d", os.Getuid()))
	if err := ownFolder(base); err != nil {
		return nil, err
	}
	for slot := range slots {
		dir := filepath.Join(base, fmt.Sprint(slot))
		release, err := filelock.Take(dir + ".lock")
		if errors.Is(err, filelock.ErrHeld) {
			continue
		}
		if err != nil {
			return nil, err
		}
		private, err := startIn(ctx, dir)
		if err != nil {
			release()
		}
		return private, err
	}
	return nil, errors.New("every folder for a test server is in use")
}

// startIn starts the server of a folder that is locked until this process ends. What an earlier process left there is
// thrown away if it does not start: another version of PostgreSQL made it, or the machine lost power.
func startIn(ctx context.Context, dir string) (*postgres.Private, error) {
	config := postgres.PrivateConfig{Dir: dir}
	private, err := postgres.StartPrivate(ctx, config)
	if _, missing := os.Stat(filepath.Join(dir, "data")); err != nil && missing == nil {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
		private, err = postgres.StartPrivate(ctx, config)
	}
	if err != nil {
		return nil, err
	}
	if err := dropLeftovers(private.URL()); err != nil {
		return nil, errors.Join(err, private.Close())
	}
	return private, nil
}

// dropLeftovers drops the databases of tests that were killed.
func dropLeftovers(server string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT datname FROM pg_database WHERE datname LIKE 'test\_%'`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := execute(server, drop(name)...); err != nil {
			return err
		}
	}
	return nil
}
