//go:build unix && !linux

package postgres

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent can do nothing here: a server whose parent was killed is ended by the next start on its folder.
func endWithParent(*syscall.SysProcAttr) {}

// worksIn tells whether process pid is a server that was started on the folder dir.
func worksIn(pid int, dir string) bool {
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), dir)
}

// inherited is empty: there is no way here to reach a folder below one that is closed.
const inherited = ""
