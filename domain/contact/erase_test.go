package contact_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/domaintest"
)

func TestErasure(t *testing.T) {
	told := []domain.Event{synced(bo, 1, bo.Owners, nil)}
	request := func(s contact.State) ([]domain.Event, error) { return contact.RequestErasure(s, bo.ID) }
	complete := func(s contact.State) ([]domain.Event, error) { return contact.CompleteErasure(s, bo.ID) }
	requested := append(told[:1:1], contact.EraseRequested{ID: bo.ID})
	domaintest.Run(t, contact.Evolve, []domaintest.Case[contact.State]{
		{Name: "an unknown contact is not erased", When: request, Err: contact.ErrNotFound},
		{Name: "a contact is", Given: told, When: request, Then: requested[1:]},
		{Name: "a removed one is", Given: append(told[:1:1], contact.Removed{ID: bo.ID}), When: request, Then: requested[1:]},
		{Name: "once", Given: requested, When: request},
		{Name: "what was requested is completed", Given: requested, When: complete, Then: []domain.Event{contact.Erased{ID: bo.ID}}},
		{Name: "once", Given: append(requested[:2:2], contact.Erased{ID: bo.ID}), When: complete},
		{Name: "what nobody requested is not", Given: told, When: complete},
		{Name: "from the request on nothing new is told of them", Given: requested, When: sync(func(p *contact.Profile) { p.SourceVersion, p.Name = "", "New" }),
			Err: contact.ErrErased},
	})
}
