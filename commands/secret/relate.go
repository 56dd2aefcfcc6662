package secret

import (
	"context"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/secret"
)

// LinkTicket relates a ticket of the workspace.
func (c Commands) LinkTicket(ctx context.Context, req commands.Request, id uuid.UUID, ticket string) (commands.Result, error) {
	return c.decide(ctx, req, access.Link, id, func(s secret.State) ([]domain.Event, error) {
		var p domain.Problems
		t := c.known(req, &p, domain.TicketKind, ticket, "path.ticket")
		if err := p.Err(); err != nil {
			return nil, err
		}
		return secret.LinkTicket(s, secret.Related(t))
	})
}

// UnlinkTicket ends that.
func (c Commands) UnlinkTicket(ctx context.Context, req commands.Request, id uuid.UUID, ticket string) (commands.Result, error) {
	return c.decide(ctx, req, access.Link, id, func(s secret.State) ([]domain.Event, error) { return secret.UnlinkTicket(s, ticket) })
}

// RelateContact relates a contact of the workspace.
func (c Commands) RelateContact(ctx context.Context, req commands.Request, id uuid.UUID, contact string) (commands.Result, error) {
	return c.decide(ctx, req, access.Link, id, func(s secret.State) ([]domain.Event, error) {
		var p domain.Problems
		r := c.known(req, &p, domain.ContactKind, contact, "path.contact")
		if err := p.Err(); err != nil {
			return nil, err
		}
		return secret.RelateContact(s, secret.Related(r))
	})
}

// UnrelateContact ends that.
func (c Commands) UnrelateContact(ctx context.Context, req commands.Request, id uuid.UUID, contact string) (commands.Result, error) {
	return c.decide(ctx, req, access.Link, id, func(s secret.State) ([]domain.Event, error) {
		return secret.UnrelateContact(s, contact)
	})
}

// Grant assigns the secret to a member, a group, a division or everyone.
func (c Commands) Grant(ctx context.Context, req commands.Request, id uuid.UUID, kind secret.AssignmentKind, target string) (commands.Result, error) {
	return c.decide(ctx, req, access.Manage, id, func(s secret.State) ([]domain.Event, error) {
		var p domain.Problems
		a := c.knownAssignment(req, &p, secret.Assignment{Kind: kind, Target: target}, "path.target")
		if err := p.Err(); err != nil {
			return nil, err
		}
		return secret.Grant(s, a)
	})
}

// Revoke ends an assignment.
func (c Commands) Revoke(ctx context.Context, req commands.Request, id uuid.UUID, kind secret.AssignmentKind, target string) (commands.Result, error) {
	return c.decide(ctx, req, access.Manage, id, func(s secret.State) ([]domain.Event, error) {
		return secret.Revoke(s, kind, target)
	})
}

// AddRule adds a dynamic rule and returns its id: that of the rule already there if it says the same.
func (c Commands) AddRule(ctx context.Context, req commands.Request, id uuid.UUID, rule secret.Rule) (uuid.UUID, commands.Result, error) {
	command := req.Command()
	rule.ID = commands.NewID(command, 0)
	if err := c.Run.AuthoriseSecret(req, access.Manage, id); err != nil {
		return uuid.Nil, commands.Result{}, err
	}
	result, err := commands.Run(ctx, c.Run, req, command, aggregate(id), func(s secret.State) ([]domain.Event, error) {
		if there, ok := s.FindRule(rule); ok {
			rule.ID = there.ID
		}
		return secret.AddRule(s, rule)
	})
	return rule.ID, result, err
}

// RemoveRule ends a rule.
func (c Commands) RemoveRule(ctx context.Context, req commands.Request, id, rule uuid.UUID) (commands.Result, error) {
	return c.decide(ctx, req, access.Manage, id, func(s secret.State) ([]domain.Event, error) { return secret.RemoveRule(s, rule) })
}

// relate fills in a draft's links, grants and rules. All that the workspace does not have is reported together.
func (c Commands) relate(req commands.Request, command uuid.UUID, d Draft, draft *secret.Draft) error {
	var p domain.Problems
	for i, t := range d.Tickets {
		draft.Tickets = append(draft.Tickets, secret.Related(c.known(req, &p, domain.TicketKind, t, domain.Indexed("body.tickets", i))))
	}
	for i, r := range d.Contacts {
		draft.Contacts = append(draft.Contacts, secret.Related(c.known(req, &p, domain.ContactKind, r, domain.Indexed("body.contacts", i))))
	}
	for i, a := range d.Assignments {
		draft.Assignments = append(draft.Assignments, c.knownAssignment(req, &p, a, domain.Indexed("body.assignments", i)+".target"))
	}
	if a, needed := c.ownAssignment(req); needed {
		draft.Assignments = append(draft.Assignments, a)
	}
	for i, r := range d.Rules {
		r.ID = commands.NewID(command, i+1)
		draft.Rules = append(draft.Rules, r)
	}
	return p.Err()
}

// related is a thing of the directory in its present incarnation.
type related struct {
	ID          string
	Incarnation int
}

var unknownThings = map[string]*domain.Error{
	domain.TicketKind:  domain.Refuse(domain.Invalid, "unknown_ticket", "there is no such ticket in this workspace"),
	domain.ContactKind: domain.Refuse(domain.Invalid, "unknown_contact", "there is no such contact in this workspace"),
	domain.MemberKind:  domain.Refuse(domain.Invalid, "unknown_member", "there is no such member in this workspace"),
	domain.GroupKind:   domain.Refuse(domain.Invalid, "unknown_group", "there is no such group in this workspace"),
}

// known finds a thing of the directory; a problem if the workspace does not have it.
func (c Commands) known(req commands.Request, p *domain.Problems, kind, id, at string) related {
	found := related{ID: id}
	c.Run.Index.View(func(f live.Facts) {
		var ok bool
		if found.Incarnation, ok = f.Access.Incarnation(req.Workspace, kind, id); !ok {
			p.AddError(at, unknownThings[kind])
		}
	})
	return found
}

func (c Commands) knownAssignment(req commands.Request, p *domain.Problems, a secret.Assignment, at string) secret.Assignment {
	switch a.Kind {
	case secret.ToMember:
		a.Incarnation = c.known(req, p, domain.MemberKind, a.Target, at).Incarnation
	case secret.ToGroup:
		a.Incarnation = c.known(req, p, domain.GroupKind, a.Target, at).Incarnation
	}
	return a
}

// ownAssignment returns the assignment of a new secret to the member who makes it, if they need one to see it.
func (c Commands) ownAssignment(req commands.Request) (secret.Assignment, bool) {
	if req.Actor.Kind != domain.Member || c.Run.Authorise(req, domain.SecretsManage) == nil {
		return secret.Assignment{}, false
	}
	var p domain.Problems
	a := c.knownAssignment(req, &p, secret.Assignment{Kind: secret.ToMember, Target: req.Actor.ID}, "")
	return a, p.Err() == nil
}
