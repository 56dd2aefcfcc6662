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
	Name, Company, Email *string
	Owners               *[]string
}

// Sync takes over what the helpdesk says of a contact, whole.
func (c Commands) Sync(ctx context.Context, req commands.Request, profile contact.Profile) (commands.Result, error) {
	return c.decide(ctx, req, profile.ID, func(s contact.State) ([]domain.Event, error) {
		return contact.Sync(c.current(req, s), profile)
	})
}

// Patch changes parts of a contact.
func (c Commands) Patch(ctx context.Context, req commands.Request, id string, change Change) (commands.Result, error) {
	return c.decide(ctx, req, id, func(s contact.State) ([]domain.Event, error) {
		if !s.Exists {
			return nil, contact.ErrNotFound
		}
		if change.Owners != nil {
			s = c.current(req, s)
		}
		p := s.Profile
		commands.Set(&p.Name, change.Name)
		commands.Set(&p.Company, change.Company)
		commands.Set(&p.Email, change.Email)
		commands.Set(&p.Owners, change.Owners)
		return contact.Sync(s, p)
	})
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
