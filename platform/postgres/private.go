//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PrivateConfig says where and how a private server runs.
type PrivateConfig struct {
	// Dir is the server's own folder, made if missing: it holds the cluster, the password and the server's log.
	// Required.
	Dir string
	// Logger is told of the start and the end. Nil logs nothing.
	Logger *slog.Logger
	// Durable makes a commit survive a power loss. False is for tests only.
	Durable bool
	// TCP makes the server listen on 127.0.0.1 too. Without it, it listens on a Unix socket in Dir alone, unless the
	// path of that socket is too long for the system.
	TCP bool
	// Port is the TCP port. Zero chooses a free one at the first start and keeps it as long as it is free.
	Port int
}

// Private is a running private server.
type Private struct {
	cluster *cluster
	server  *child
	release func()
	log     *slog.Logger
	once    sync.Once
	closed  error
}

// startLimit bounds one start, which may include the recovery after a crash.
const startLimit = 2 * time.Minute

// StartPrivate starts the server of cfg.Dir and returns when it answers queries. The first start makes the cluster;
// later ones reuse it, also after a crash. ctx bounds the start, not the server's life. It fails with ErrInUse when
// another process runs a server there, and with ErrNoServer when no PostgreSQL is installed.
//
// When this process dies, the server ends with it (on Linux at once, elsewhere at the next start).
func StartPrivate(ctx context.Context, cfg PrivateConfig) (*Private, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c, release, err := openCluster(cfg)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	server, err := c.start(ctx)
	if err != nil {
		release()
		return nil, fmt.Errorf("starting the private PostgreSQL in %s: %w", c.dir, err)
	}
	log.Info("private PostgreSQL is ready", "folder", c.dir, "programs", c.bin, "took", time.Since(began).Round(time.Millisecond))
	return &Private{cluster: c, server: server, release: release, log: log}, nil
}

// URL is the connection string, with the password in it: it is not for logs. It names the Unix socket where there is
// one, which is faster, else the TCP port.
func (p *Private) URL() string { return p.cluster.url() }

// TCPURL is the connection string for TCP, or "" when the server does not listen on TCP.
func (p *Private) TCPURL() string {
	if p.cluster.port == 0 {
		return ""
	}
	return p.cluster.tcpURL()
}

// Done is closed when the server has ended, asked to or not.
func (p *Private) Done() <-chan struct{} { return p.server.done }

// Close ends the server: open transactions are rolled back and clients disconnected. After 15 s it is ended without a
// checkpoint, which costs the next start a recovery but no data. Closing twice does nothing more.
func (p *Private) Close() error {
	p.once.Do(func() {
		p.closed = p.server.end()
		p.release()
		p.log.Info("private PostgreSQL has ended", "folder", p.cluster.dir)
	})
	return p.closed
}

// RunningURL is the connection string of the private server that some process runs on dir now, and whether there is
// one. The caller must be allowed to read dir, so be the user who started it.
func RunningURL(dir string) (string, bool) {
	c, err := newCluster(PrivateConfig{Dir: dir})
	if err != nil || c.livePostmaster() == 0 {
		return "", false
	}
	status, err := c.pidFile()
	if err != nil || status.state != "ready" {
		return "", false
	}
	if c.password, err = readLine(c.path("password")); err != nil {
		return "", false
	}
	if status.tcp {
		c.port = status.port
	}
	c.socket = status.socket != ""
	return c.url(), true
}

func (c *cluster) url() string {
	if !c.socket {
		return c.tcpURL()
	}
	return c.dsn("", url.Values{"host": {c.path("run")}, "port": {strconv.Itoa(c.number())}})
}

// number is the server's port, which is also in the name of its socket.
func (c *cluster) number() int {
	if c.port == 0 {
		return socketPort
	}
	return c.port
}

func (c *cluster) tcpURL() string {
	return c.dsn(net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), url.Values{})
}

func (c *cluster) dsn(host string, query url.Values) string {
	query.Set("sslmode", "disable")
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, c.password), Host: host, Path: "/" + role, RawQuery: query.Encode()}
	return u.String()
}

// awaitReady asks until the server answers a query, or has ended, or ctx ends.
func (c *cluster) awaitReady(ctx context.Context, server *child) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.ask(ctx)
		var refused *pgconn.PgError
		if err == nil || errors.As(err, &refused) && refused.Code != cannotConnectNow {
			return err
		}
		select {
		case <-tick.C:
		case <-server.done:
			return fmt.Errorf("the server ended: %w\n%s", errors.Join(server.err, c.whyEnded()), c.logTail())
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w\n%s", ctx.Err(), c.logTail())
		}
	}
}

// cannotConnectNow is the SQLSTATE of a server that is starting or recovering.
const cannotConnectNow = "57P03"

func (c *cluster) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.Ping(ctx)
}

// freePort is the port that is kept from an earlier start if it is still free, else a new one.
func (c *cluster) freePort() (int, error) {
	kept := 0
	if line, err := readLine(c.path("port")); err == nil {
		kept, _ = strconv.Atoi(line)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(kept)))
	if err != nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := errors.Join(listener.Close(), os.WriteFile(c.path("port"), []byte(strconv.Itoa(port)+"\n"), 0o600)); err != nil {
		return 0, fmt.Errorf("keeping the port: %w", err)
	}
	return port, nil
}
