// Package contact carries out the commands of the helpdesk's contacts.
package contact

import (
	"context"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
)

// Commands are those of contacts.
type Commands struct {
	Run *commands.Runner
}

// Change is a partial change of a contact: nil leaves a part as it is.
type Change struct {
	SourceVersion, Name, Company, Email *string
	Owners                              *[]string
}

// on returns a profile after the change.
func (change Change) on(p contact.Profile) contact.Profile {
	commands.Set(&p.SourceVersion, change.SourceVersion)
	commands.Set(&p.Name, change.Name)
	commands.Set(&p.Company, change.Company)
	commands.Set(&p.Email, change.Email)
	commands.Set(&p.Owners, change.Owners)
	return p
}

// Sync takes over what the helpdesk says of a contact, whole.
func (c Commands) Sync(ctx context.Context, req commands.Request, profile contact.Profile) (commands.Result, error) {
	return c.sync(ctx, req, profile.ID, true, func(contact.State) (contact.Profile, error) { return profile, nil })
}

// Patch changes parts of a contact.
func (c Commands) Patch(ctx context.Context, req commands.Request, id string, change Change) (commands.Result, error) {
	return c.sync(ctx, req, id, change.Owners != nil, func(s contact.State) (contact.Profile, error) {
		if !s.Exists {
			return contact.Profile{}, contact.ErrNotFound
		}
		return change.on(s.Profile), nil
	})
}

// Tell takes over parts of what the helpdesk says of a contact. One that nobody has told of begins with them.
func (c Commands) Tell(ctx context.Context, req commands.Request, id string, change Change) (commands.Result, error) {
	return c.sync(ctx, req, id, change.Owners != nil, func(s contact.State) (contact.Profile, error) {
		if !s.Exists {
			return change.on(contact.Profile{ID: id}), nil
		}
		return change.on(s.Profile), nil
	})
}

// sync takes over the profile that a contact's state leads to, perhaps with other owners, and tells whether it is older than
// the one known.
func (c Commands) sync(ctx context.Context, req commands.Request, id string, owners bool, profile func(contact.State) (contact.Profile, error)) (commands.Result, error) {
	ignored := false
	r, err := c.decide(ctx, req, id, func(s contact.State) ([]domain.Event, error) {
		if owners {
			s = c.current(req, s)
		}
		p, err := profile(s)
		if err != nil {
			return nil, err
		}
		ignored = domain.OlderVersion(p.SourceVersion, s.SourceVersion)
		return contact.Sync(s, p)
	})
	r.Ignored = ignored
	return r, err
}

// current returns a contact without owners who were removed since.
func (c Commands) current(req commands.Request, s contact.State) contact.State {
	var gone []string
	c.Run.Index.View(func(f live.Facts) { gone = f.Access.NotOwning(req.Workspace, s.Profile.ID, s.Profile.Owners) })
	return s.Forget(gone)
}

// Remove ends a contact.
func (c Commands) Remove(ctx context.Context, req commands.Request, id string) (commands.Result, error) {
	return c.decide(ctx, req, id, contact.Remove)
}

func (c Commands) decide(ctx context.Context, req commands.Request, id string, decide func(contact.State) ([]domain.Event, error)) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.DirectoryManage); err != nil {
		return commands.Result{}, err
	}
	a := commands.Aggregate[contact.State]{Stream: domain.DirectoryStream(req.Workspace, domain.ContactKind, id), Evolve: contact.Evolve}
	return commands.Run(ctx, c.Run, req, req.Command(), a, decide)
}
