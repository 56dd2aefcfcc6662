package group_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/group"
)

const id = "zendesk:g1"

func TestGroup(t *testing.T) {
	sync := func(name string, members ...string) func(group.State) ([]domain.Event, error) {
		return func(s group.State) ([]domain.Event, error) { return group.Sync(s, id, name, members) }
	}
	event := func(incarnation int, name string, added, removed []string) group.Synced {
		return group.Synced{ID: id, Incarnation: incarnation, Name: domain.NewPrivate(name), Added: added, Removed: removed}
	}
	given := []domain.Event{event(1, "Billing", []string{"z:1", "z:2"}, nil)}
	domaintest.Run(t, group.Evolve, []domaintest.Case[group.State]{
		{Name: "a group is told of with its members, each once", When: sync(" Billing", "z:2", "z:1", "z:2"), Then: given},
		{Name: "an empty group is told of", When: sync("Billing"), Then: []domain.Event{event(1, "Billing", nil, nil)}},
		{Name: "the same group in another order changes nothing", Given: given, When: sync("Billing", "z:2", "z:1")},
		{Name: "the difference is recorded", Given: given, When: sync("Billing", "z:3", "z:2"),
			Then: []domain.Event{event(1, "Billing", []string{"z:3"}, []string{"z:1"})}},
		{Name: "a group is renamed", Given: given, When: sync("Finance", "z:1", "z:2"),
			Then: []domain.Event{event(1, "Finance", nil, nil)}},
		{Name: "a group is removed", Given: given, When: group.Remove, Then: []domain.Event{group.Removed{ID: id}}},
		{Name: "an unknown group is not removed", When: group.Remove, Err: group.ErrNotFound},
		{Name: "a removed group returns without members of its own", Given: append(given[:1:1], group.Removed{ID: id}),
			When: sync("Billing", "z:1"), Then: []domain.Event{event(2, "Billing", []string{"z:1"}, nil)}},
		{Name: "everything wrong is told at once", When: sync("", "z:1", "nobody"), Err: domain.ErrTextRequired,
			At: []string{"body.name", "body.members[1]"}},
	})
	domaintest.RefusesUnknown(t, group.Evolve)
}
