package source

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kdesk/client-secrets/commands"
	contacts "github.com/kdesk/client-secrets/commands/contact"
	members "github.com/kdesk/client-secrets/commands/member"
	tickets "github.com/kdesk/client-secrets/commands/ticket"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/source"
	"github.com/kdesk/client-secrets/domain/ticket"
)

// tell applies one fact. Texts that the rules would refuse are tidied: nobody is there to mend them, and who lost a ticket
// must not keep it over its subject. Ids are of the source itself: it cannot tell of anybody else's things.
func (c Commands) tell(ctx context.Context, req commands.Request, f source.Fact) (commands.Result, error) {
	if !strings.HasPrefix(f.ID, req.Actor.ID+":") {
		return commands.Result{}, ErrFormat
	}
	switch f.Kind {
	case source.Ticket:
		return c.tellTicket(ctx, req, f)
	case source.Contact:
		return c.contacts.Tell(ctx, req, f.ID, contacts.Change{
			SourceVersion: version(f), Name: name(f.Name), Company: line(f.Company, domain.MaxName), Email: email(f.Email),
		})
	case source.Member:
		return c.members.Tell(ctx, req, f.ID, members.Change{
			SourceVersion: version(f), Name: name(f.Name), Email: email(f.Email), Active: f.Active,
		})
	}
	return commands.Result{}, fmt.Errorf("a fact of an unknown kind")
}

func (c Commands) tellTicket(ctx context.Context, req commands.Request, f source.Fact) (commands.Result, error) {
	if f.Removed {
		return c.tickets.RemoveAt(ctx, req, f.ID, f.Version)
	}
	change := tickets.Change{
		SourceVersion: version(f), Subject: line(f.Subject, ticket.MaxSubject), URL: webAddress(f.URL),
		Category: line(f.Category, domain.MaxName), Contact: f.Contact, CreatedBy: f.CreatedBy,
		Assignees: few(f.Assignees), Followers: few(f.Followers), Groups: few(f.Groups),
	}
	if f.Open != nil {
		status := ticket.Closed
		if *f.Open {
			status = ticket.Open
		}
		change.Status = &status
	}
	return c.tickets.Tell(ctx, req, f.ID, change)
}

func version(f source.Fact) *string {
	if f.Version == "" {
		return nil
	}
	return &f.Version
}

func line(text *string, limit int) *string {
	if text == nil {
		return nil
	}
	tidied := domain.TidyLine(*text, limit)
	return &tidied
}

// name returns a name that can be seen, nil for none: what is known stays.
func name(text *string) *string {
	if text == nil {
		return nil
	}
	if tidied := domain.TidyName(*text, domain.MaxName); tidied != "" {
		return &tidied
	}
	return nil
}

// email returns a usable address, nil for one that is none.
func email(text *string) *string {
	if text == nil {
		return nil
	}
	if address, err := domain.CheckEmail(*text); err == nil {
		return &address
	}
	return nil
}

// webAddress returns an address that a link may lead to, nil for any other.
func webAddress(text *string) *string {
	if text == nil || ticket.CheckURL(*text) != nil {
		return nil
	}
	return text
}

// few bounds a list of people: those beyond are left out rather than the whole ticket.
func few(ids *[]string) *[]string {
	if ids == nil || len(*ids) <= ticket.MaxPeople {
		return ids
	}
	first := slices.Clone((*ids)[:ticket.MaxPeople])
	return &first
}
