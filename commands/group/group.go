// Package group carries out the commands of the directory's groups.
package group

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/group"
)

// Commands are those of groups.
type Commands struct {
	Run *commands.Runner
}

// Aggregate returns how a group is found and folded.
func Aggregate(workspace uuid.UUID, id string) commands.Aggregate[group.State] {
	return commands.Aggregate[group.State]{Stream: domain.DirectoryStream(workspace, domain.GroupKind, id), Evolve: group.Evolve}
}

// Sync takes over what the directory says of a group, whole.
func (c Commands) Sync(ctx context.Context, req commands.Request, id, name string, members []string) (commands.Result, error) {
	return c.decide(ctx, req, id, func(s group.State) ([]domain.Event, error) {
		return group.Sync(c.current(req, s), id, name, members)
	})
}

// Change is a partial change of a group: nil leaves a part as it is.
type Change struct {
	Name    *string
	Members func(now []string) []string // returns what the members become; called again if others change the group meanwhile
}

// Patch changes parts of a group.
func (c Commands) Patch(ctx context.Context, req commands.Request, id string, change Change) (commands.Result, error) {
	return c.decide(ctx, req, id, func(s group.State) ([]domain.Event, error) {
		if !s.Exists {
			return nil, group.ErrNotFound
		}
		name := s.Name.Text
		commands.Set(&name, change.Name)
		if change.Members == nil {
			return group.Sync(s, id, name, s.Members)
		}
		s = c.current(req, s)
		return group.Sync(s, id, name, change.Members(slices.Clone(s.Members)))
	})
}

// current returns a group without members who were removed since.
func (c Commands) current(req commands.Request, s group.State) group.State {
	var gone []string
	c.Run.Index.View(func(f live.Facts) { gone = f.Access.OutsideGroup(req.Workspace, s.ID, s.Members) })
	return s.Forget(gone)
}

// Remove ends a group with all its memberships.
func (c Commands) Remove(ctx context.Context, req commands.Request, id string) (commands.Result, error) {
	return c.decide(ctx, req, id, group.Remove)
}

func (c Commands) decide(ctx context.Context, req commands.Request, id string, decide func(group.State) ([]domain.Event, error)) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.DirectoryManage); err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Run, req, req.Command(), Aggregate(req.Workspace, id), decide)
}
