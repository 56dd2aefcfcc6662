package contact_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/domaintest"
)

var bo = contact.Profile{
	ID: "zendesk:c1", SourceVersion: "2026-05-01T12:00:00Z", Name: "Bo", Company: "Bo & Co", Email: "bo@example.com",
	Owners: []string{"z:1", "z:2"},
}

func synced(p contact.Profile, incarnation int, added, removed []string) contact.Synced {
	return contact.Synced{
		ID: p.ID, SourceVersion: p.SourceVersion, Incarnation: incarnation, Name: domain.NewPrivate(p.Name),
		Company: domain.NewPrivate(p.Company), Email: domain.NewPrivate(p.Email), OwnersAdded: added, OwnersRemoved: removed,
	}
}

func sync(change func(*contact.Profile)) func(contact.State) ([]domain.Event, error) {
	return func(s contact.State) ([]domain.Event, error) {
		p := bo
		change(&p)
		return contact.Sync(s, p)
	}
}

func TestContact(t *testing.T) {
	given := []domain.Event{synced(bo, 1, bo.Owners, nil)}
	removed := append(given[:1:1], contact.Removed{ID: bo.ID})
	asIs := func(*contact.Profile) {}
	older := func(p *contact.Profile) { p.SourceVersion, p.Name = "2026-05-01T11:00:00Z", "Old" }
	moved := bo
	moved.SourceVersion = ""
	domaintest.Run(t, contact.Evolve, []domaintest.Case[contact.State]{
		{Name: "a contact is told of", When: sync(asIs), Then: given},
		{Name: "the same contact changes nothing", Given: given, When: sync(asIs)},
		{Name: "owners in another order change nothing", Given: given,
			When: sync(func(p *contact.Profile) { p.Owners = []string{"z:2", "z:1", "z:2"} })},
		{Name: "the difference of the owners is recorded", Given: given,
			When: sync(func(p *contact.Profile) { p.SourceVersion, p.Owners = "", []string{"z:2", "z:3"} }),
			Then: []domain.Event{synced(moved, 1, []string{"z:3"}, []string{"z:1"})}},
		{Name: "an older version changes nothing", Given: given, When: sync(older)},
		{Name: "a contact is removed", Given: given, When: contact.Remove, Then: []domain.Event{contact.Removed{ID: bo.ID}}},
		{Name: "an unknown contact is not removed", When: contact.Remove, Err: contact.ErrNotFound},
		{Name: "a removed contact returns as a new incarnation, its owners told anew", Given: removed, When: sync(asIs),
			Then: []domain.Event{synced(bo, 2, bo.Owners, nil)}},
		{Name: "an older version does not bring it back", Given: removed, When: sync(older)},
		{Name: "an erased contact does not return", Given: append(removed[:2:2], contact.Erased{ID: bo.ID}), When: sync(asIs),
			Err: contact.ErrErased},
		{Name: "everything wrong is told at once",
			When: sync(func(p *contact.Profile) { p.ID, p.Name, p.Email, p.Owners = ":", "", "x", []string{""} }),
			Err:  domain.Refuse(domain.Invalid, "invalid_id", ""),
			At:   []string{"path.id", "body.name", "body.email", "body.owners[0]"}},
	})
	domaintest.RefusesUnknown(t, contact.Evolve)
}
