//go:build unix

package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// account is who the server's processes run as: this process's user, or, since PostgreSQL refuses to run as root, the
// user "postgres" or "nobody".
type account struct {
	uid, gid int
	drop     bool // whether privileges must be dropped to become it
}

// serverAccount chooses the account. A cluster that exists already keeps its owner.
func serverAccount(data string) (account, error) {
	own := account{uid: os.Geteuid(), gid: os.Getegid()}
	info, err := os.Stat(data)
	if err == nil {
		owner := info.Sys().(*syscall.Stat_t)
		switch {
		case own.uid == 0 && owner.Uid != 0:
			return account{uid: int(owner.Uid), gid: int(owner.Gid), drop: true}, nil
		case own.uid != 0 && int(owner.Uid) != own.uid:
			return own, fmt.Errorf("%s belongs to user id %d: run as that user or as root", data, owner.Uid)
		}
	}
	if own.uid != 0 {
		return own, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.Atoi(u.Uid)
			gid, _ := strconv.Atoi(u.Gid)
			return account{uid: uid, gid: gid, drop: true}, nil
		}
	}
	return account{uid: 65534, gid: 65534, drop: true}, nil
}

// attr gives the child a process group of its own, so that Ctrl-C in a terminal reaches this process alone, which then
// ends the server in order.
func (a account) attr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	endWithParent(attr)
	return attr
}

// child is a started process.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done
}

// startChild starts cmd from a thread that lives as long as the process does: the kernel sends the signal that
// endWithParent asks for when the *thread* that started the child ends.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.done)
		}
	}()
	return c, <-started
}

// output runs cmd to its end, or kills it when ctx ends, and returns what it wrote.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	c, err := startChild(cmd)
	if err != nil {
		return "", err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-c.done
		return "", ctx.Err()
	}
	if c.err != nil {
		return out.String(), fmt.Errorf("%w: %s", c.err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

// shutdownSteps are PostgreSQL's ways to end, from orderly to none, with how long each is given: a fast shutdown rolls
// back and writes a checkpoint, an immediate one leaves the recovery to the next start.
var shutdownSteps = []struct {
	signal syscall.Signal
	wait   time.Duration
}{{syscall.SIGINT, 15 * time.Second}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}

// end sends the shutdown signals in turn until gone reports true within a step.
func end(signal func(syscall.Signal), gone func(time.Duration) bool) error {
	for _, step := range shutdownSteps {
		signal(step.signal)
		if gone(step.wait) {
			return nil
		}
	}
	return errors.New("the PostgreSQL server does not end, not even when killed")
}

func (c *child) end() error {
	return end(
		func(s syscall.Signal) { _ = c.cmd.Process.Signal(s) },
		func(d time.Duration) bool {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-c.done:
				return true
			case <-timer.C:
				return false
			}
		})
}
