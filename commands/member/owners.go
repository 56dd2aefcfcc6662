package member

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
)

// SetOwner makes a member an owner, or no longer one. Only owners may; the last owner stays.
func (c Commands) SetOwner(ctx context.Context, req commands.Request, id string, owner bool) (commands.Result, error) {
	if err := c.AuthoriseOwner(ctx, req); err != nil {
		return commands.Result{}, err
	}
	return c.decideRelying(ctx, req, id, func(s member.State) ([]domain.Event, error) {
		return member.SetOwner(s, owner, c.otherOwners(req.Workspace, id))
	}, !owner)
}

// decideRelying decides about a member who, if ends is set, may cease to be an owner by it. That relies on another owner
// who stays, which is recorded in that one's stream after this member was loaded. Two owners who end each other at the same
// moment, on whichever instances, so meet: each has written to the other's stream, and whoever appends later decides anew.
func (c Commands) decideRelying(ctx context.Context, req commands.Request, id string, decide rule, ends bool) (commands.Result, error) {
	guard := func(ctx context.Context, s member.State) error {
		if !ends || !s.Standing() {
			return nil
		}
		return c.relyOnAnother(ctx, req, id)
	}
	return commands.RunGuarded(ctx, c.Run, req, req.Command(), Aggregate(req.Workspace, id), decide, guard)
}

// relyOnAnother finds an owner who stays when a member leaves and records that this is relied on; member.ErrLastOwner if
// there is none.
func (c Commands) relyOnAnother(ctx context.Context, req commands.Request, leaving string) error {
	if err := c.Run.Fresh(ctx); err != nil {
		return err
	}
	req.IfMatch = nil
	for _, id := range c.owners(req.Workspace) {
		if id == leaving {
			continue
		}
		_, err := commands.Run(ctx, c.Run, req, uuid.New(), Aggregate(req.Workspace, id), func(s member.State) ([]domain.Event, error) {
			return member.RelyOn(s, leaving)
		})
		if !errors.Is(err, member.ErrLastOwner) {
			return err
		}
	}
	return member.ErrLastOwner
}

func (c Commands) owners(workspace uuid.UUID) (list []string) {
	c.Run.Index.View(func(f live.Facts) { list = f.Access.Owners(workspace) })
	return list
}

// otherOwners counts the active owners beside a member as this process knows them: a first look, which spares most commands
// from trying what must be refused.
func (c Commands) otherOwners(workspace uuid.UUID, id string) int {
	owners := c.owners(workspace)
	if slices.Contains(owners, id) {
		return len(owners) - 1
	}
	return len(owners)
}
