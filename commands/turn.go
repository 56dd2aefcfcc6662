package commands

import (
	"context"
	"errors"
	"sync"
)

// turn lets one at a time go on. Its zero value is ready.
type turn struct {
	made  sync.Once
	taken chan struct{}
}

// Alone carries out a command that relies on what other aggregates are now, such as who else owns the workspace: one at
// a time in this process, so that each meets what those before it left in the index. Two processes may still decide at
// the same moment.
func (r *Runner) Alone(ctx context.Context, do func() (Result, error)) (Result, error) {
	r.turn.made.Do(func() { r.turn.taken = make(chan struct{}, 1) })
	select {
	case r.turn.taken <- struct{}{}:
		defer func() { <-r.turn.taken }()
		return do()
	case <-ctx.Done():
		return Result{}, errors.Join(ErrBusy, ctx.Err())
	}
}
