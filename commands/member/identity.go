package member

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
)

var errIdentityTaken = domain.Refuse(domain.Conflict, "identity_taken", "this sign-in is another member's")

// BindIdentity makes a sign-in the member's. Only owners may. A sign-in is one member's at a time.
func (c Commands) BindIdentity(ctx context.Context, req commands.Request, id, issuer, subject string) (commands.Result, error) {
	if err := c.AuthoriseOwner(ctx, req); err != nil {
		return commands.Result{}, err
	}
	issuer, hash, err := c.Hasher.Identity(issuer, subject)
	if err != nil {
		return commands.Result{}, err
	}
	return c.Bind(ctx, req, id, hash, func(s member.State) ([]domain.Event, error) {
		return member.BindIdentity(s, issuer, hash)
	})
}

// Bind carries out a command that makes a sign-in the member's. Two members who bind the same one at the same moment are
// told apart by the log: the access index gives it to the first there (see package access). The other one's command takes
// back what it recorded and is refused. A crash before it does leaves a record that lets nobody in, and that binding again
// replaces.
func (c Commands) Bind(ctx context.Context, req commands.Request, id string, hash []byte, decide rule) (commands.Result, error) {
	result, err := c.decide(ctx, req, id, func(s member.State) ([]domain.Event, error) {
		holder := c.holder(req.Workspace, hash)
		if holder == "" && s.Has(hash) { // recorded a moment ago on another instance, or lost to another one then
			if err := c.Run.Fresh(ctx); err != nil {
				return nil, err
			}
			holder = c.holder(req.Workspace, hash)
		}
		switch {
		case holder != "" && holder != id:
			return nil, errIdentityTaken
		case holder == "" && s.Has(hash):
			return commands.Then(s, member.Evolve, member.UnbindIdentity, decide)
		}
		return decide(s)
	})
	if err != nil {
		return commands.Result{}, err
	}
	if err := c.Run.Index.Wait(ctx, result.Position); err != nil {
		return commands.Result{}, errors.Join(commands.ErrLogUnavailable, err)
	}
	if holder := c.holder(req.Workspace, hash); holder == "" || holder == id {
		return result, nil
	}
	req.IfMatch = nil
	_, err = commands.Run(ctx, c.Run, req, uuid.NewSHA1(req.Command(), []byte("taken")), Aggregate(req.Workspace, id),
		func(s member.State) ([]domain.Event, error) {
			if !s.Has(hash) {
				return nil, nil
			}
			return member.UnbindIdentity(s)
		})
	return commands.Result{}, errors.Join(errIdentityTaken, err)
}

// UnbindIdentity takes a member's sign-in away. Only owners may.
func (c Commands) UnbindIdentity(ctx context.Context, req commands.Request, id string) (commands.Result, error) {
	if err := c.AuthoriseOwner(ctx, req); err != nil {
		return commands.Result{}, err
	}
	return c.decide(ctx, req, id, member.UnbindIdentity)
}

// holder returns whose sign-in it is in a workspace; empty if it is nobody's.
func (c Commands) holder(workspace uuid.UUID, subjectHash []byte) (id string) {
	c.Run.Index.View(func(f live.Facts) {
		for _, m := range f.Access.Memberships(subjectHash) {
			if m.Workspace == workspace {
				id = m.Member
			}
		}
	})
	return id
}
