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

// Sync takes over what the helpdesk says of a ticket, whole.
func (c Commands) Sync(ctx context.Context, req commands.Request, facts ticket.Facts) (commands.Result, error) {
	return c.decide(ctx, req, facts.ID, func(s ticket.State) ([]domain.Event, error) { return ticket.Sync(s, facts) })
}

// Patch changes parts of a ticket.
func (c Commands) Patch(ctx context.Context, req commands.Request, id string, change Change) (commands.Result, error) {
	return c.decide(ctx, req, id, func(s ticket.State) ([]domain.Event, error) {
		if !s.Exists {
			return nil, ticket.ErrNotFound
		}
		f := s.Facts
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
		return ticket.Sync(s, f)
	})
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
