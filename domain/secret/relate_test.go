package secret_test

import (
	"fmt"
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
)

func TestTickets(t *testing.T) {
	link := func(ticket string, incarnation int) when {
		return func(s state) (events, error) {
			return secret.LinkTicket(s, secret.Related{ID: ticket, Incarnation: incarnation})
		}
	}
	unlink := func(s state) (events, error) { return secret.UnlinkTicket(s, "z:1") }
	linked := func(incarnation int) secret.TicketLinked {
		return secret.TicketLinked{Ticket: "z:1", Incarnation: incarnation}
	}
	full := after()
	for i := range secret.MaxRelated {
		full = append(full, secret.TicketLinked{Ticket: fmt.Sprintf("z:%d", i), Incarnation: 1})
	}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a ticket is linked", Given: given, When: link("z:1", 1), Then: events{linked(1)}},
		{Name: "linking it again changes nothing", Given: after(linked(1)), When: link("z:1", 1)},
		{Name: "nor does linking it without its incarnation", Given: after(linked(1)), When: link("z:1", 0)},
		{Name: "a ticket that came back is linked anew", Given: after(linked(1)), When: link("z:1", 2), Then: events{linked(2)}},
		{Name: "a full list takes no more", Given: full, When: link("z:x", 1), Err: secret.ErrTooManyTickets},
		{Name: "but a ticket in it that came back", Given: full, When: link("z:1", 2), Then: events{linked(2)}},
		{Name: "a ticket is unlinked", Given: after(linked(1)), When: unlink, Then: events{secret.TicketUnlinked{Ticket: "z:1"}}},
		{Name: "one that is not linked is not unlinked", Given: given, When: unlink},
		{Name: "a ticket is named by id", Given: given, When: link("1", 0), Err: domain.Refuse(domain.Invalid, "invalid_id", ""),
			At: []string{"path.ticket"}},
	})
}

func TestContacts(t *testing.T) {
	relate := func(contact string, incarnation int) when {
		return func(s state) (events, error) {
			return secret.RelateContact(s, secret.Related{ID: contact, Incarnation: incarnation})
		}
	}
	unrelate := func(s state) (events, error) { return secret.UnrelateContact(s, "z:c") }
	related := func(incarnation int) secret.ContactRelated {
		return secret.ContactRelated{Contact: "z:c", Incarnation: incarnation}
	}
	full := after()
	for i := range secret.MaxRelated {
		full = append(full, secret.ContactRelated{Contact: fmt.Sprintf("z:%d", i)})
	}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a contact is related", Given: given, When: relate("z:c", 1), Then: events{related(1)}},
		{Name: "relating it again changes nothing", Given: after(related(1)), When: relate("z:c", 1)},
		{Name: "a contact that came back is related anew", Given: after(related(1)), When: relate("z:c", 2), Then: events{related(2)}},
		{Name: "a full list takes no more", Given: full, When: relate("z:c", 1), Err: secret.ErrTooManyContacts},
		{Name: "a relation ends", Given: after(related(1)), When: unrelate, Then: events{secret.ContactUnrelated{Contact: "z:c"}}},
		{Name: "one that is not there ends nothing", Given: given, When: unrelate},
		{Name: "a contact is named by id", Given: given, When: relate("", 0), Err: domain.Refuse(domain.Invalid, "invalid_id", ""),
			At: []string{"path.contact"}},
	})
}
