// Package group carries out the commands of the directory's groups.
package group

import (
	"context"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/group"
)

// Commands are those of groups.
type Commands struct {
	Run *commands.Runner
}

// Sync takes over what the directory says of a group, whole.
func (c Commands) Sync(ctx context.Context, req commands.Request, id, name string, members []string) (commands.Result, error) {
	return c.decide(ctx, req, id, func(s group.State) ([]domain.Event, error) {
		var gone []string
		c.Run.Index.View(func(f live.Facts) { gone = f.Access.OutsideGroup(req.Workspace, id, s.Members) })
		return group.Sync(s.Forget(gone), id, name, members)
	})
}

// Remove ends a group with all its memberships.
func (c Commands) Remove(ctx context.Context, req commands.Request, id string) (commands.Result, error) {
	return c.decide(ctx, req, id, group.Remove)
}

func (c Commands) decide(ctx context.Context, req commands.Request, id string, decide func(group.State) ([]domain.Event, error)) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.DirectoryManage); err != nil {
		return commands.Result{}, err
	}
	a := commands.Aggregate[group.State]{Stream: domain.DirectoryStream(req.Workspace, domain.GroupKind, id), Evolve: group.Evolve}
	return commands.Run(ctx, c.Run, req, req.Command(), a, decide)
}
