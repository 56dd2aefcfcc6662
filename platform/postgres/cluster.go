//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kdesk/client-secrets/platform/internal/filelock"
)

// The folder of a private server holds: data/ (the cluster) and run/ (its socket), which belong to the server's
// account; password, port, lock and server.log, which belong to the user of this process.
type cluster struct {
	cfg      PrivateConfig
	dir      string  // absolute, without symbolic links
	account  account // who the server runs as
	bin      string  // folder of the server's programs
	base     string  // dir, or the inherited path to it when the account cannot reach dir
	password string
	socket   bool // whether it listens on the Unix socket in run/
	port     int  // TCP port, 0 for none
}

// role is the name of the role, which may create databases but is no superuser, and of its database.
const role = "client_secrets"

// socketPort is the number in the name of the socket of a server without TCP.
const socketPort = 5432

// ErrInUse says that another process runs a private server on the folder.
var ErrInUse = errors.New("another process runs a private PostgreSQL there")

func newCluster(cfg PrivateConfig) (*cluster, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("finding the folder of the private PostgreSQL: %w", err)
	}
	return &cluster{cfg: cfg, dir: dir, base: dir}, nil
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// openCluster makes the folder and takes its lock, which the system drops when this process ends.
func openCluster(cfg PrivateConfig) (*cluster, func(), error) {
	if cfg.Dir == "" {
		return nil, nil, errors.New("the private PostgreSQL needs a folder")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("making the folder of the private PostgreSQL: %w", err)
	}
	c, err := newCluster(cfg)
	if err != nil {
		return nil, nil, err
	}
	release, err := filelock.Take(c.path("lock"))
	if errors.Is(err, filelock.ErrHeld) {
		return nil, nil, fmt.Errorf("%w: %s", ErrInUse, c.dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("starting the private PostgreSQL: %w", err)
	}
	return c, release, nil
}

// start brings the folder into order and starts the server.
func (c *cluster) start(ctx context.Context) (*child, error) {
	if err := c.evict(); err != nil {
		return nil, err
	}
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	if err := c.create(ctx); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.path("data/pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return nil, err
	}
	if err := c.adoptPidFile(); err != nil {
		return nil, err
	}
	// Server processes whose postmaster was killed may take a moment to notice; the new one refuses until then.
	for deadline := time.Now().Add(15 * time.Second); ; {
		server, err := c.launch(ctx)
		if err == nil || !errors.Is(err, errOrphans) || time.Now().After(deadline) {
			return server, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// prepare chooses account and programs, and gives the account its folders.
func (c *cluster) prepare(ctx context.Context) (err error) {
	if c.account, err = serverAccount(c.path("data")); err != nil {
		return err
	}
	major := 0
	if line, err := readLine(c.path("data/PG_VERSION")); err == nil {
		major, _ = strconv.Atoi(line)
	}
	if c.bin, err = newFinder(c.account).find(ctx, major); err != nil {
		return err
	}
	if err := os.Mkdir(c.path("run"), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if c.account.drop {
		// The account may pass through the folder, but not list it.
		err = errors.Join(os.Chown(c.dir, os.Geteuid(), c.account.gid), os.Chmod(c.dir, 0o710),
			os.Chown(c.path("run"), c.account.uid, c.account.gid))
		if err != nil {
			return fmt.Errorf("giving the folder to user id %d: %w", c.account.uid, err)
		}
	}
	if err := c.reach(ctx); err != nil {
		return err
	}
	return c.listen()
}

// reach finds a path by which the account gets into the folder. Where a folder above is closed to it, such as root's
// home, the server gets the folder as an open file and reaches it through that.
func (c *cluster) reach(ctx context.Context) error {
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), "--version")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = c.path("run"), serverEnv(), c.account.attr()
	_, err := output(ctx, cmd)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if inherited == "" {
		return fmt.Errorf("user id %d, which the server runs as, cannot reach %s: a folder above it is closed to that user; "+
			"run as a user other than root, or choose a folder that everyone can reach", c.account.uid, c.dir)
	}
	c.base = inherited
	return nil
}

// maxSocketPath is the longest path of a Unix socket on every system.
const maxSocketPath = 103

// listen decides between socket and TCP.
func (c *cluster) listen() (err error) {
	c.socket = len(c.path("run/.s.PGSQL.65535")) <= maxSocketPath
	switch {
	case c.socket && !c.cfg.TCP:
		c.port = 0
	case c.cfg.Port != 0:
		c.port = c.cfg.Port
	default:
		c.port, err = c.freePort()
	}
	return err
}

// program is the command that runs one of the server's programs as the account. The returned function frees what the
// command holds, after its start.
func (c *cluster) program(name string, args ...string) (*exec.Cmd, func(), error) {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", serverEnv(), c.account.attr()
	if c.base != inherited {
		return cmd, func() {}, nil
	}
	folder, err := os.Open(c.dir)
	if err != nil {
		return nil, nil, err
	}
	cmd.ExtraFiles = []*os.File{folder}
	return cmd, func() { _ = folder.Close() }, nil
}

func (c *cluster) run(ctx context.Context, input, name string, args ...string) error {
	cmd, free, err := c.program(name, args...)
	if err != nil {
		return err
	}
	defer free()
	cmd.Stdin = strings.NewReader(input)
	if _, err := output(ctx, cmd); err != nil {
		return fmt.Errorf("running %s: %w", name, err)
	}
	return nil
}
