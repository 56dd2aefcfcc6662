// Package rotation gives workspaces a new key-encryption key: a new epoch is opened, all data keys are wrapped anew, and the
// old epochs are retired. Values and texts are not touched: they are encrypted by the data keys, which stay the same.
//
// Every step is safe to repeat, and what an interrupted rotation left is finished by the next one.
package rotation

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/vault"
)

// Keys is what the commands need of the vault.
type Keys interface {
	Epochs(ctx context.Context, workspace uuid.UUID) ([]vault.Epoch, error)
	Rotate(ctx context.Context, workspace uuid.UUID) (epoch int, err error)
	Rewrap(ctx context.Context, workspace uuid.UUID, limit int) (moved int, err error)
	Retire(ctx context.Context, workspace uuid.UUID, epoch int) error
}

// Commands rotate keys.
type Commands struct {
	Run  *commands.Runner
	Keys Keys
}

const batchSize = 500 // keys wrapped anew at a time

var errOperatorOnly = domain.Refuse(domain.Forbidden, "operator_only", "only the operator may do this")

// Rotate opens a workspace's next epoch and wraps its keys anew, telling after each batch how many of how many are done.
// An epoch that an earlier call opened and did not see through is taken up again: no further one is opened. It returns the
// current epoch.
func (c Commands) Rotate(ctx context.Context, req commands.Request, progress func(done, of int)) (epoch int, err error) {
	if req.Actor.Kind != domain.Operator {
		return 0, errOperatorOnly
	}
	s, err := commands.Load(ctx, c.Run, req.Workspace, aggregate(req.Workspace))
	if err != nil {
		return 0, err
	}
	if !s.Exists {
		return 0, workspace.ErrNotFound
	}
	epochs, err := c.Keys.Epochs(ctx, req.Workspace)
	if err != nil {
		return 0, err
	}
	if epoch = unfinished(epochs, s); epoch == 0 {
		if epoch, err = c.Keys.Rotate(ctx, req.Workspace); err != nil {
			return 0, err
		}
	}
	err = c.record(ctx, req, func(s workspace.State) ([]domain.Event, error) { return workspace.OpenKeyEpoch(s, epoch) })
	if err != nil {
		return 0, err
	}
	return epoch, c.rewrap(ctx, req.Workspace, epoch, progress)
}

// unfinished returns the current epoch if it was opened and not seen through; else 0. A crash may have left it without a
// record, without all keys, or beside epochs that are still to be retired.
func unfinished(epochs []vault.Epoch, s workspace.State) int {
	if len(epochs) == 0 {
		return 0
	}
	current := epochs[len(epochs)-1].Number
	if len(epochs) > 1 || current > max(s.Epoch, 1) {
		return current
	}
	return 0
}

func (c Commands) rewrap(ctx context.Context, workspace uuid.UUID, current int, progress func(done, of int)) error {
	epochs, err := c.Keys.Epochs(ctx, workspace)
	if err != nil {
		return err
	}
	done, total := 0, 0
	for _, e := range epochs {
		total += e.Keys
		if e.Number == current {
			done = e.Keys
		}
	}
	progress(done, total)
	for {
		moved, err := c.Keys.Rewrap(ctx, workspace, batchSize)
		if err != nil {
			return err
		}
		if moved == 0 {
			return nil
		}
		done += moved
		progress(done, max(done, total))
	}
}

// Retire removes the epochs before the current one, and records that; keys that were made under them since Rotate are
// wrapped anew first. An instance learns of a new epoch within Grace of its opening: retired earlier, an old one makes it
// fail once to make new keys. It returns how many were retired.
func (c Commands) Retire(ctx context.Context, req commands.Request) (retired int, err error) {
	if req.Actor.Kind != domain.Operator {
		return 0, errOperatorOnly
	}
	if err := c.rewrap(ctx, req.Workspace, 0, func(int, int) {}); err != nil {
		return 0, err
	}
	epochs, err := c.Keys.Epochs(ctx, req.Workspace)
	if err != nil || len(epochs) == 0 {
		return 0, err
	}
	current := epochs[len(epochs)-1].Number
	for _, e := range epochs[:len(epochs)-1] {
		if err := c.Keys.Retire(ctx, req.Workspace, e.Number); err != nil {
			return retired, fmt.Errorf("retiring key epoch %d: %w", e.Number, err)
		}
		retired++
	}
	if current == 1 {
		return retired, nil
	}
	return retired, c.record(ctx, req, func(s workspace.State) ([]domain.Event, error) {
		return workspace.RetireKeyEpochs(s, current-1)
	})
}

// Grace is how long after its opening an epoch may be unknown to another instance.
const Grace = time.Minute + 5*time.Second

func (c Commands) record(ctx context.Context, req commands.Request, decide func(workspace.State) ([]domain.Event, error)) error {
	_, err := commands.Run(ctx, c.Run, req, uuid.New(), aggregate(req.Workspace), decide)
	return err
}

func aggregate(id uuid.UUID) commands.Aggregate[workspace.State] {
	return commands.Aggregate[workspace.State]{Stream: domain.Stream(domain.WorkspaceKind, id), Evolve: workspace.Evolve}
}
