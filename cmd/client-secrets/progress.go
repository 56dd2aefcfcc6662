package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// newBar shows progress to people; most is what there is to do, -1 if that is not known. It moves when there is progress: the
// library's own spinner is a goroutine that nobody ends and that reads without the lock.
func newBar(w io.Writer, what string, most int64) *progressbar.ProgressBar {
	if most == 0 {
		most = 1
	}
	return progressbar.NewOptions64(most, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}
