package commands

import (
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/workspace"
)

var (
	errOwnersOnly = domain.Refuse(domain.Forbidden, "owners_only", "only an owner may do this")
	// ErrDestroyed refuses whatever is asked of a secret whose destruction was requested, to those who may know of it.
	ErrDestroyed = domain.Refuse(domain.Conflict, "secret_destroyed", "the secret was destroyed")

	errModuleOff = domain.Refuse(domain.Forbidden, "module_off", "Client Secrets are switched off in this workspace")
)

// Authorise refuses an actor who lacks a permission. Somebody who is no member learns nothing.
func (r *Runner) Authorise(req Request, needed domain.Permission) (err error) {
	if trusted(req.Actor) {
		return nil
	}
	r.Index.View(func(f live.Facts) {
		held, ok := f.Access.Permissions(req.Workspace, req.Actor, r.Now())
		switch {
		case req.Actor.Kind == domain.Source:
			err = authoriseSource(f, req, needed)
		case !ok:
			err = ErrNoWorkspace
		case !held.Has(needed):
			err = ErrForbidden
		}
	})
	return err
}

// authoriseSource lets a helpdesk that the workspace lets in tell of its directory, and do nothing else.
func authoriseSource(f live.Facts, req Request, needed domain.Permission) error {
	if _, ok := f.Sources.Of(req.Workspace, workspace.Source(req.Actor.ID)); !ok || needed != domain.DirectoryManage {
		return ErrForbidden
	}
	return nil
}

// AuthoriseOwner refuses whoever does not own the workspace.
func (r *Runner) AuthoriseOwner(req Request) (err error) {
	if trusted(req.Actor) {
		return nil
	}
	r.Index.View(func(f live.Facts) {
		_, ok := f.Access.Permissions(req.Workspace, req.Actor, r.Now())
		switch {
		case !ok:
			err = ErrNoWorkspace
		case req.Actor.Kind != domain.Member || !slices.Contains(f.Access.Owners(req.Workspace), req.Actor.ID):
			err = errOwnersOnly
		}
	})
	return err
}

// AuthoriseModule refuses everybody while Client Secrets are switched off.
func (r *Runner) AuthoriseModule(req Request) (err error) {
	r.Index.View(func(f live.Facts) {
		if settings, _ := f.Access.Settings(req.Workspace); !settings.Enabled {
			err = errModuleOff
		}
	})
	return err
}

// AuthoriseSecret refuses an actor who may not act on a secret. Somebody who is no member, or may not even see the secret,
// learns nothing.
func (r *Runner) AuthoriseSecret(req Request, action access.Action, secret uuid.UUID) (err error) {
	if trusted(req.Actor) {
		return nil
	}
	r.Index.View(func(f live.Facts) {
		asked := access.Request{Workspace: req.Workspace, Actor: req.Actor, Action: action, Secret: secret, At: r.Now()}
		decision := f.Access.Decide(asked)
		if decision.Allowed {
			return
		}
		_, known := f.Access.Permissions(req.Workspace, req.Actor, asked.At)
		asked.Action = access.View
		switch {
		case !known:
			err = ErrNoWorkspace
		case decision.Code == errModuleOff.Code:
			err = errModuleOff
		case decision.Code == access.CodeSecretDestroyed && f.Access.Decide(asked).Allowed:
			err = ErrDestroyed
		case action == access.Create, f.Access.Decide(asked).Allowed:
			err = ErrForbidden
		default:
			err = ErrNoWorkspace
		}
	})
	return err
}

// trusted tells whether an actor is one whom no workspace's permissions bind: the operator and the product itself.
func trusted(a domain.Actor) bool { return a.Kind == domain.Operator || a.Kind == domain.System }
