package http

import (
	"context"
	nethttp "net/http"

	"github.com/kdesk/client-secrets/commands/ticket"
	rules "github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
)

// TicketBody is what the helpdesk says of a ticket, whole.
type TicketBody struct {
	Subject       string       `json:"subject"`
	URL           string       `json:"url,omitempty"`
	Status        rules.Status `json:"status,omitempty" enum:"open,closed" doc:"open unless given"`
	Category      string       `json:"category,omitempty"`
	Contact       string       `json:"contact,omitempty" doc:"Contact id of who asks"`
	Contacts      []string     `json:"contacts,omitempty" nullable:"false" doc:"Further contact ids"`
	CreatedBy     string       `json:"created_by,omitempty" doc:"Member id"`
	Assignees     []string     `json:"assignees,omitempty" nullable:"false" doc:"Member ids"`
	Followers     []string     `json:"followers,omitempty" nullable:"false" doc:"Member ids"`
	Groups        []string     `json:"groups,omitempty" nullable:"false" doc:"Group ids"`
	Approvers     []string     `json:"approvers,omitempty" nullable:"false" doc:"Member ids"`
	SourceVersion string       `json:"source_version,omitempty" doc:"The source's version or time: older facts than are known are ignored"`
}

// TicketChange changes the parts that it names.
type TicketChange struct {
	SourceVersion *string       `json:"source_version,omitempty"`
	Subject       *string       `json:"subject,omitempty"`
	URL           *string       `json:"url,omitempty"`
	Category      *string       `json:"category,omitempty"`
	Contact       *string       `json:"contact,omitempty"`
	CreatedBy     *string       `json:"created_by,omitempty"`
	Status        *rules.Status `json:"status,omitempty" enum:"open,closed"`
	Contacts      *[]string     `json:"contacts,omitempty" nullable:"false"`
	Assignees     *[]string     `json:"assignees,omitempty" nullable:"false"`
	Followers     *[]string     `json:"followers,omitempty" nullable:"false"`
	Groups        *[]string     `json:"groups,omitempty" nullable:"false"`
	Approvers     *[]string     `json:"approvers,omitempty" nullable:"false"`
}

type putTicket struct {
	Thing
	Body TicketBody
}

type changeTicket struct {
	Thing
	Body TicketChange
}

func (s *Server) ticketRoutes() {
	k := kind{"ticket", "tickets", "Tickets"}
	listThings(s, k, func(ctx context.Context, c *call, q string, page projections.Page) (projections.Paged[directory.Ticket], error) {
		return s.Directory.ListTickets(ctx, c.workspace, q, page)
	})
	getThing(s, k, func(t *directory.Ticket) uint64 { return t.Revision }, func(ctx context.Context, c *call, id string) (directory.Ticket, error) {
		return s.Directory.GetTicket(ctx, c.workspace, id)
	})
	changeThing(s, k, nethttp.MethodPut, "", "Say what a ticket is, whole", directoryManage, s.putTicket)
	changeThing(s, k, nethttp.MethodPatch, "", "Change parts of a ticket", directoryManage,
		func(ctx context.Context, c *call, id string, in *changeTicket) (changed, error) {
			r, err := s.Tickets.Patch(ctx, c.request(), id, ticket.Change(in.Body))
			return changedTo(id, r), err
		})
	changeThing(s, k, nethttp.MethodDelete, "", "End a ticket", directoryManage,
		func(ctx context.Context, c *call, id string, _ *Thing) (changed, error) {
			r, err := s.Tickets.Remove(ctx, c.request(), id)
			return changedTo(id, r), err
		})
}

func (s *Server) putTicket(ctx context.Context, c *call, id string, in *putTicket) (changed, error) {
	r, err := s.Tickets.Sync(ctx, c.request(), in.Body.facts(id))
	return changedTo(id, r), err
}

func (b TicketBody) facts(id string) rules.Facts {
	if b.Status == "" {
		b.Status = rules.Open
	}
	return rules.Facts{
		ID: id, SourceVersion: b.SourceVersion, Subject: b.Subject, URL: b.URL, Status: b.Status, Category: b.Category,
		Contact: b.Contact, Contacts: b.Contacts, CreatedBy: b.CreatedBy, Assignees: b.Assignees, Followers: b.Followers,
		Groups: b.Groups, Approvers: b.Approvers,
	}
}
