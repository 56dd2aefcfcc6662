package postgres

import (
	"fmt"
	"os"
	"syscall"
)

// endWithParent lets the kernel end the server (fast shutdown) when this process dies, however it dies.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// worksIn tells whether process pid has the folder dir as its working folder, as every server process has its cluster.
func worksIn(pid int, dir string) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && cwd == dir
}

// inherited is the path by which a child reaches its first inherited file, whatever the permissions of the folders
// above it.
const inherited = "/proc/self/fd/3"
