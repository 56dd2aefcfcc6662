package member_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/member"
)

func TestErasure(t *testing.T) {
	const id = "z:9"
	active := member.Synced{ID: id, Incarnation: 1, Name: domain.NewPrivate("Ann"), Active: true}
	inactive := active
	inactive.Active = false
	request := func(s member.State) ([]domain.Event, error) { return member.RequestErasure(s, id) }
	complete := func(s member.State) ([]domain.Event, error) { return member.CompleteErasure(s, id) }
	requested, erased := member.EraseRequested{ID: id}, member.Erased{ID: id}
	events := func(list ...domain.Event) []domain.Event { return list }
	domaintest.Run(t, member.Evolve, []domaintest.Case[member.State]{
		{Name: "an unknown member is not erased", When: request, Err: member.ErrNotFound},
		{Name: "nor is an active one", Given: events(active), When: request, Err: member.ErrStillActive},
		{Name: "nor an owner, who is active", Given: events(active, member.OwnershipChanged{ID: id, Owner: true}), When: request, Err: member.ErrStillActive},
		{Name: "an inactive one is", Given: events(inactive), When: request, Then: events(requested)},
		{Name: "a removed one is", Given: events(active, member.Removed{ID: id}), When: request, Then: events(requested)},
		{Name: "once", Given: events(inactive, requested), When: request},
		{Name: "what was requested is completed", Given: events(inactive, requested), When: complete, Then: events(erased)},
		{Name: "also of a member removed meanwhile", Given: events(inactive, requested, member.Removed{ID: id}), When: complete, Then: events(erased)},
		{Name: "once", Given: events(inactive, requested, erased), When: complete},
		{Name: "what nobody requested is not", Given: events(inactive), When: complete},
		{Name: "from the request on nothing new is told of them", Given: events(inactive, requested), Err: member.ErrErased,
			When: func(s member.State) ([]domain.Event, error) {
				return member.Sync(s, member.Profile{ID: id, Name: "Ann", Active: true})
			}},
	})
}
