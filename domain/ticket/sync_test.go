package ticket_test

import (
	"fmt"
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/ticket"
)

var facts = ticket.Facts{
	ID: "zendesk:t1", SourceVersion: "5", Subject: "Printer on fire", URL: "https://desk.example.com/t/1", Status: ticket.Open,
	Category: "Hardware", Contact: "zendesk:c1", Contacts: []string{"zendesk:c2"}, CreatedBy: "z:1",
	Assignees: []string{"z:1", "z:2"}, Followers: []string{"z:3"}, Groups: []string{"z:g"}, Approvers: []string{"z:4"},
}

func synced(f ticket.Facts, incarnation int) ticket.Synced {
	return ticket.Synced{
		ID: f.ID, SourceVersion: f.SourceVersion, Incarnation: incarnation, Subject: domain.NewPrivate(f.Subject),
		URL: domain.NewPrivate(f.URL), Status: f.Status, Category: f.Category, Contact: f.Contact, Contacts: f.Contacts,
		CreatedBy: f.CreatedBy, Assignees: f.Assignees, Followers: f.Followers, Groups: f.Groups, Approvers: f.Approvers,
	}
}

func with(change func(*ticket.Facts)) ticket.Facts {
	f := facts
	change(&f)
	return f
}

func sync(f ticket.Facts) func(ticket.State) ([]domain.Event, error) {
	return func(s ticket.State) ([]domain.Event, error) { return ticket.Sync(s, f) }
}

func TestSync(t *testing.T) {
	given := []domain.Event{synced(facts, 1)}
	removed := append(given[:1:1], ticket.Removed{ID: facts.ID})
	closed := with(func(f *ticket.Facts) { f.SourceVersion, f.Status = "6", ticket.Closed })
	older := with(func(f *ticket.Facts) { f.SourceVersion, f.Assignees = "4", nil })
	ignored := ticket.SyncIgnored{ID: facts.ID, SourceVersion: "4"}
	ended := with(func(f *ticket.Facts) { f.SourceVersion = "7" })
	gone := ticket.Removed{ID: facts.ID}
	removeAt := func(version string) func(ticket.State) ([]domain.Event, error) {
		return func(s ticket.State) ([]domain.Event, error) { return ticket.RemoveAt(s, facts.ID, version) }
	}
	bare := ticket.Facts{ID: facts.ID, Status: ticket.Open}
	domaintest.Run(t, ticket.Evolve, []domaintest.Case[ticket.State]{
		{Name: "a ticket is told of", When: sync(facts), Then: given},
		{Name: "only id and status are required", When: sync(bare), Then: []domain.Event{synced(bare, 1)}},
		{Name: "the same facts change nothing", Given: given, When: sync(facts)},
		{Name: "people in another order change nothing", Given: given,
			When: sync(with(func(f *ticket.Facts) { f.SourceVersion, f.Assignees = "", []string{"z:2", "z:1", "z:1"} }))},
		{Name: "a change is recorded whole", Given: given, When: sync(closed), Then: []domain.Event{synced(closed, 1)}},
		{Name: "an older fact is recorded as ignored", Given: given, When: sync(older), Then: []domain.Event{ignored}},
		{Name: "but only once", Given: append(given[:1:1], ignored), When: sync(older)},
		{Name: "a removed ticket returns as a new incarnation", Given: removed, When: sync(facts), Then: []domain.Event{synced(facts, 2)}},
		{Name: "an older fact does not bring it back", Given: removed, When: sync(older), Then: []domain.Event{ignored}},
		{Name: "a ticket is removed", Given: given, When: ticket.Remove, Then: []domain.Event{ticket.Removed{ID: facts.ID}}},
		{Name: "an unknown ticket is not removed", When: ticket.Remove, Err: ticket.ErrNotFound},
		{Name: "a ticket ends at a version", Given: given, When: removeAt("7"), Then: []domain.Event{synced(ended, 1), gone}},
		{Name: "or without one", Given: given, When: removeAt(""), Then: []domain.Event{gone}},
		{Name: "what is older than its end does not bring it back", Given: []domain.Event{synced(facts, 1), synced(ended, 1), gone},
			When: sync(closed), Then: []domain.Event{ticket.SyncIgnored{ID: facts.ID, SourceVersion: "6"}}},
		{Name: "an older end is ignored", Given: given, When: removeAt("4"), Then: []domain.Event{ignored}},
		{Name: "the end of an unknown ticket is kept in mind", When: removeAt("7"), Then: []domain.Event{
			synced(ticket.Facts{ID: facts.ID, SourceVersion: "7", Status: ticket.Closed}, 1), gone}},
		{Name: "what has ended does not end again", Given: removed, When: removeAt("9")},
	})
	domaintest.RefusesUnknown(t, ticket.Evolve)
}

func TestSyncRefuses(t *testing.T) {
	invalid := domain.Refuse(domain.Invalid, "invalid_url", "")
	var many []string
	for i := range ticket.MaxPeople + 1 {
		many = append(many, fmt.Sprintf("z:%d", i))
	}
	url := func(u string) ticket.Facts { return with(func(f *ticket.Facts) { f.URL = u }) }
	domaintest.Run(t, ticket.Evolve, []domaintest.Case[ticket.State]{
		{Name: "an address that would be run", When: sync(url("javascript:alert(1)")), Err: invalid},
		{Name: "an address without a host", When: sync(url("https:///x")), Err: invalid},
		{Name: "an address with a password", When: sync(url("https://ann:pw@example.com/")), Err: invalid},
		{Name: "too many people", When: sync(with(func(f *ticket.Facts) { f.Followers = many })),
			Err: domain.Refuse(domain.Invalid, "too_many", ""), At: []string{"body.followers"}},
		{Name: "everything wrong at once", Err: domain.Refuse(domain.Invalid, "invalid_id", ""),
			When: sync(ticket.Facts{ID: "1", Subject: "a\nb", Status: "new", Contact: "c", CreatedBy: "m", Groups: []string{"z:1", "g"}}),
			At:   []string{"path.id", "body.subject", "body.status", "body.contact", "body.created_by", "body.groups[1]"}},
	})
}
