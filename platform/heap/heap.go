// Package heap sets how often this process collects garbage. It does not limit memory: GOMEMLIMIT does.
package heap

import (
	"os"
	"runtime/debug"
)

const (
	// growth is how far the heap grows beyond what lives before it is collected, in per cent: what a request allocates
	// is short-lived, and what stays is bounded caches.
	growth = 300
	// ballastSize lets the heap grow by four times as much before it is first collected. Little lives, so that without it
	// a busy server collects several times a second, and requests take twice as long meanwhile.
	ballastSize = 96 << 20
)

// ballast is counted as living but never touched, and so takes no memory.
var ballast []byte //nolint:unused // it need only be there

// Tune trades memory for time, unless GOGC is set: then that holds alone.
func Tune() {
	if Grow() {
		ballast = make([]byte, ballastSize)
	}
}

// Grow is Tune without the ballast, for a process of which much lives: it reports whether GOGC leaves it the choice.
func Grow() bool {
	if os.Getenv("GOGC") != "" {
		return false
	}
	debug.SetGCPercent(growth)
	return true
}
