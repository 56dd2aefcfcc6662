//go:build unix

package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// create makes the cluster, unless there is one. It is made in data.new and renamed when complete, so a crash before
// that leaves nothing but a folder that the next start throws away. The password is kept before the cluster that will
// know it.
func (c *cluster) create(ctx context.Context) (err error) {
	_, missing := os.Stat(c.path("data/PG_VERSION"))
	if c.password, err = c.keepPassword(missing == nil); err != nil || missing == nil {
		return err
	}
	fresh := c.path("data.new")
	if err := errors.Join(os.RemoveAll(fresh), os.Mkdir(fresh, 0o700)); err != nil {
		return err
	}
	if c.account.drop {
		if err := os.Chown(fresh, c.account.uid, c.account.gid); err != nil {
			return err
		}
	}
	if err := c.initialise(ctx, filepath.Join(c.base, "data.new")); err != nil {
		return err
	}
	if err := os.Rename(fresh, c.path("data")); err != nil {
		return err
	}
	return syncFolder(c.dir)
}

// initialise fills the empty folder data, and makes the role and its database before any server listens.
func (c *cluster) initialise(ctx context.Context, data string) error {
	ctype := "C.UTF-8"
	if runtime.GOOS == "darwin" {
		ctype = "en_US.UTF-8"
	}
	args := []string{"-D", data, "-U", "postgres", "-A", "reject", "-E", "UTF8", "--locale=C", "--lc-ctype=" + ctype,
		"--data-checksums"}
	if !c.cfg.Durable {
		args = append(args, "--no-sync")
	}
	if err := c.run(ctx, "", "initdb", args...); err != nil {
		return err
	}
	statements := "CREATE ROLE " + role + " LOGIN CREATEDB PASSWORD '" + c.password + "'\n" +
		"CREATE DATABASE " + role + " OWNER " + role + "\n"
	return c.run(ctx, statements, "postgres", "--single", "-D", data, "-c", "exit_on_error=on",
		"-c", "password_encryption=scram-sha-256", "-c", "log_min_error_statement=panic", "postgres")
}

// hba lets in the one role, by password. The superuser has no password and cannot log in.
const hba = "local all " + role + " scram-sha-256\nhost all " + role + " 127.0.0.1/32 scram-sha-256\n"

// keepPassword reads the password, or makes one before the cluster that will know it.
func (c *cluster) keepPassword(clusterExists bool) (string, error) {
	password, err := readLine(c.path("password"))
	if err == nil && password != "" {
		return password, nil
	}
	if clusterExists {
		return "", fmt.Errorf("the password file of an existing cluster is missing: %w", errors.Join(err, fs.ErrNotExist))
	}
	password = rand.Text()
	if err := writeDurably(c.path("password"), password+"\n"); err != nil {
		return "", fmt.Errorf("keeping the password: %w", err)
	}
	return password, nil
}

// writeDurably writes a small file for this user alone, so that it is on the disk on return. Its folder is synced later.
func writeDurably(path, text string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func readLine(path string) (string, error) {
	data, err := os.ReadFile(path)
	return strings.TrimSpace(string(data)), err
}
