// Package ticket carries out the commands of the helpdesk's tickets.
package ticket

import (
	"context"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/ticket"
)

// Commands are those of tickets.
type Commands struct {
	Run *commands.Runner
}

// Change is a partial change of a ticket: nil leaves a part as it is.
type Change struct {
	SourceVersion, Subject, URL, Category, Contact, CreatedBy *string
	Status                                                    *ticket.Status
	Contacts, Assignees, Followers, Groups, Approvers         *[]string
}

// on returns facts after the change.
func (change Change) on(f ticket.Facts) ticket.Facts {
	commands.Set(&f.SourceVersion, change.SourceVersion)
	commands.Set(&f.Subject, change.Subject)
	commands.Set(&f.URL, change.URL)
	commands.Set(&f.Category, change.Category)
	commands.Set(&f.Contact, change.Contact)
	commands.Set(&f.CreatedBy, change.CreatedBy)
	commands.Set(&f.Status, change.Status)
	commands.Set(&f.Contacts, change.Contacts)
	commands.Set(&f.Assignees, change.Assignees)
	commands.Set(&f.Followers, change.Followers)
	commands.Set(&f.Groups, change.Groups)
	commands.Set(&f.Approvers, change.Approvers)
	return f
}

// Sync takes over what the helpdesk says of a ticket, whole.
func (c Commands) Sync(ctx context.Context, req commands.Request, facts ticket.Facts) (commands.Result, error) {
	return c.sync(ctx, req, facts.ID, func(ticket.State) (ticket.Facts, error) { return facts, nil })
}

// Patch changes parts of a ticket.
func (c Commands) Patch(ctx context.Context, req commands.Request, id string, change Change) (commands.Result, error) {
	return c.sync(ctx, req, id, func(s ticket.State) (ticket.Facts, error) {
		if !s.Exists {
			return ticket.Facts{}, ticket.ErrNotFound
		}
		return change.on(s.Facts), nil
	})
}

// Tell takes over parts of what the helpdesk says of a ticket. One that nobody has told of begins with them, closed unless
// they say otherwise.
func (c Commands) Tell(ctx context.Context, req commands.Request, id string, change Change) (commands.Result, error) {
	return c.sync(ctx, req, id, func(s ticket.State) (ticket.Facts, error) {
		if !s.Exists {
			return change.on(ticket.Facts{ID: id, Status: ticket.Closed}), nil
		}
		return change.on(s.Facts), nil
	})
}

// sync takes over the facts that a ticket's state leads to, and tells whether they are older than those known.
func (c Commands) sync(ctx context.Context, req commands.Request, id string, facts func(ticket.State) (ticket.Facts, error)) (commands.Result, error) {
	ignored := false
	r, err := c.decide(ctx, req, id, func(s ticket.State) ([]domain.Event, error) {
		f, err := facts(s)
		if err != nil {
			return nil, err
		}
		ignored = domain.OlderVersion(f.SourceVersion, s.SourceVersion)
		return ticket.Sync(s, f)
	})
	r.Ignored = ignored
	return r, err
}

// RemoveAt ends a ticket as the helpdesk says, at a source version: older facts do not bring it back.
func (c Commands) RemoveAt(ctx context.Context, req commands.Request, id, version string) (commands.Result, error) {
	return c.decide(ctx, req, id, func(s ticket.State) ([]domain.Event, error) { return ticket.RemoveAt(s, id, version) })
}

// Remove ends a ticket. Its links do not come back with a later ticket of the same id.
func (c Commands) Remove(ctx context.Context, req commands.Request, id string) (commands.Result, error) {
	return c.decide(ctx, req, id, ticket.Remove)
}

func (c Commands) decide(ctx context.Context, req commands.Request, id string, decide func(ticket.State) ([]domain.Event, error)) (commands.Result, error) {
	if err := c.Run.Authorise(req, domain.DirectoryManage); err != nil {
		return commands.Result{}, err
	}
	a := commands.Aggregate[ticket.State]{Stream: domain.DirectoryStream(req.Workspace, domain.TicketKind, id), Evolve: ticket.Evolve}
	return commands.Run(ctx, c.Run, req, req.Command(), a, decide)
}
