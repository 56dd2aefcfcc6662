// Package member carries out the commands of a workspace's members.
package member

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
)

// Commands are those of members.
type Commands struct {
	Run    *commands.Runner
	Hasher commands.Hasher
}

// Aggregate returns how a member is found and folded.
func Aggregate(workspace uuid.UUID, id string) commands.Aggregate[member.State] {
	return commands.Aggregate[member.State]{
		Stream: domain.DirectoryStream(workspace, domain.MemberKind, id),
		Evolve: member.Evolve,
	}
}

// Sync takes over what the directory says of a member. It gives no permissions.
func (c Commands) Sync(ctx context.Context, req commands.Request, profile member.Profile) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.DirectoryManage); err != nil {
		return commands.Result{}, err
	}
	return c.syncing(ctx, req, profile.ID, !profile.Active, func(member.State) (member.Profile, error) { return profile, nil })
}

// syncing takes over the profile that a member's state leads to, and tells whether it is older than the one known.
func (c Commands) syncing(ctx context.Context, req commands.Request, id string, deactivates bool, profile func(member.State) (member.Profile, error)) (commands.Result, error) {
	ignored := false
	r, err := c.decideRelying(ctx, req, id, func(s member.State) ([]domain.Event, error) {
		p, err := profile(s)
		if err != nil || p.ID == "" {
			return nil, err
		}
		ignored = domain.OlderVersion(p.SourceVersion, s.SourceVersion)
		return c.sync(req, s, p)
	}, deactivates)
	r.Ignored = ignored
	return r, err
}

// sync takes a profile over. The last owner cannot be made inactive: nobody could undo it.
func (c Commands) sync(req commands.Request, s member.State, profile member.Profile) ([]domain.Event, error) {
	if s.Exists { // who does not know what an identity provider calls them does not take it away
		profile.UserName, profile.ExternalID = cmp.Or(profile.UserName, s.Profile.UserName), cmp.Or(profile.ExternalID, s.Profile.ExternalID)
	}
	profile.EmailHash = c.Hasher.Email(profile.Email)
	events, err := member.Sync(s, profile)
	if len(events) > 0 && s.Owner && !profile.Active && c.otherOwners(req.Workspace, profile.ID) == 0 {
		return nil, member.ErrLastOwner
	}
	return events, err
}

// Change is a partial change of what the directory says of a member: nil leaves a part as it is.
type Change struct {
	SourceVersion, Name, Email, Division, Title *string
	Active                                      *bool
	UserName, ExternalID                        *string // as an identity provider has them
}

// on returns a profile after the change.
func (change Change) on(p member.Profile) member.Profile {
	commands.Set(&p.SourceVersion, change.SourceVersion)
	commands.Set(&p.Name, change.Name)
	commands.Set(&p.Email, change.Email)
	commands.Set(&p.Division, change.Division)
	commands.Set(&p.Title, change.Title)
	commands.Set(&p.Active, change.Active)
	commands.Set(&p.UserName, change.UserName)
	commands.Set(&p.ExternalID, change.ExternalID)
	return p
}

// Patch changes parts of what the directory says of a member.
func (c Commands) Patch(ctx context.Context, req commands.Request, id string, change Change) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.DirectoryManage); err != nil {
		return commands.Result{}, err
	}
	deactivates := change.Active != nil && !*change.Active
	return c.syncing(ctx, req, id, deactivates, func(s member.State) (member.Profile, error) {
		if !s.Exists {
			return member.Profile{}, member.ErrNotFound
		}
		return change.on(s.Profile), nil
	})
}

// Tell takes over parts of what a helpdesk says of somebody who works there. It may shut a member out, unless they own the
// workspace; it lets nobody in again, neither who is inactive nor who was removed or erased: that takes somebody of the
// workspace. Somebody whom nobody has told of becomes a member, without permissions, once their name is known.
func (c Commands) Tell(ctx context.Context, req commands.Request, id string, change Change) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.DirectoryManage); err != nil {
		return commands.Result{}, err
	}
	deactivates := change.Active != nil && !*change.Active
	return c.syncing(ctx, req, id, false, func(s member.State) (none member.Profile, _ error) {
		switch {
		case s.Exists:
			told := change
			if !deactivates || s.Owner {
				told.Active = nil
			}
			return told.on(s.Profile), nil
		case s.Incarnation > 0 || change.Name == nil || deactivates:
			return none, nil
		}
		return change.on(member.Profile{ID: id, Active: true}), nil
	})
}

// Remove takes a member out of the workspace. The last owner stays.
func (c Commands) Remove(ctx context.Context, req commands.Request, id string) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.DirectoryManage); err != nil {
		return commands.Result{}, err
	}
	return c.decideRelying(ctx, req, id, func(s member.State) ([]domain.Event, error) {
		if err := c.Run.AuthoriseOwner(req); s.Owner && err != nil {
			return nil, err
		}
		return member.Remove(s, c.otherOwners(req.Workspace, id))
	}, true)
}

// SetPermissions gives a member exactly these permissions. Only owners may.
func (c Commands) SetPermissions(ctx context.Context, req commands.Request, id string, permissions []domain.Permission) (commands.Result, error) {
	if err := c.AuthoriseOwner(ctx, req); err != nil {
		return commands.Result{}, err
	}
	return c.decide(ctx, req, id, func(s member.State) ([]domain.Event, error) {
		return member.SetPermissions(s, permissions)
	})
}

// AuthoriseOwner refuses whoever does not own the workspace, by all that is recorded up to now on any instance.
func (c Commands) AuthoriseOwner(ctx context.Context, req commands.Request) error {
	if err := c.Run.Fresh(ctx); err != nil {
		return err
	}
	return c.Run.AuthoriseOwner(req)
}

type rule = func(member.State) ([]domain.Event, error)

func (c Commands) decide(ctx context.Context, req commands.Request, id string, decide rule) (commands.Result, error) {
	return commands.Run(ctx, c.Run, req, req.Command(), Aggregate(req.Workspace, id), decide)
}
