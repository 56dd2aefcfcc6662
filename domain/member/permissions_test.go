package member_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/member"
)

func TestSetPermissions(t *testing.T) {
	set := func(p ...domain.Permission) func(member.State) ([]domain.Event, error) {
		return func(s member.State) ([]domain.Event, error) { return member.SetPermissions(s, p) }
	}
	known := []domain.Event{synced(ann, 1)}
	agent := append(known[:1:1], member.PermissionsChanged{ID: ann.ID, Granted: []domain.Permission{domain.SecretsView, domain.SecretsLink}})
	domaintest.Run(t, member.Evolve, []domaintest.Case[member.State]{
		{Name: "an unknown member has no permissions", When: set(domain.SecretsView), Err: member.ErrNotFound},
		{Name: "permissions are granted in order, each once", Given: known,
			When: set(domain.SecretsLink, domain.SecretsView, domain.SecretsLink), Then: agent[1:]},
		{Name: "only the difference is recorded", Given: agent, When: set(domain.SecretsView, domain.SecretsReveal),
			Then: []domain.Event{member.PermissionsChanged{ID: ann.ID,
				Granted: []domain.Permission{domain.SecretsReveal}, Revoked: []domain.Permission{domain.SecretsLink}}}},
		{Name: "the same permissions change nothing", Given: agent, When: set(domain.SecretsLink, domain.SecretsView)},
		{Name: "all are revoked", Given: agent, When: set(),
			Then: []domain.Event{member.PermissionsChanged{ID: ann.ID, Revoked: []domain.Permission{domain.SecretsView, domain.SecretsLink}}}},
		{Name: "an unknown permission is refused", Given: known, When: set(domain.SecretsView, "secrets.everything"),
			Err: domain.Refuse(domain.Invalid, "unknown_permission", ""), At: []string{"body.permissions[1]"}},
	})
}

func TestOwnersStay(t *testing.T) {
	owner := func(owner bool, others int) func(member.State) ([]domain.Event, error) {
		return func(s member.State) ([]domain.Event, error) { return member.SetOwner(s, owner, others) }
	}
	remove := func(others int) func(member.State) ([]domain.Event, error) {
		return func(s member.State) ([]domain.Event, error) { return member.Remove(s, others) }
	}
	known := []domain.Event{synced(ann, 1)}
	owning := append(known[:1:1], member.OwnershipChanged{ID: ann.ID, Owner: true})
	domaintest.Run(t, member.Evolve, []domaintest.Case[member.State]{
		{Name: "an unknown member owns nothing", When: owner(true, 1), Err: member.ErrNotFound},
		{Name: "a member becomes an owner", Given: known, When: owner(true, 0), Then: owning[1:]},
		{Name: "an owner steps down while there are others", Given: owning, When: owner(false, 1),
			Then: []domain.Event{member.OwnershipChanged{ID: ann.ID}}},
		{Name: "the last owner does not step down", Given: owning, When: owner(false, 0), Err: member.ErrLastOwner},
		{Name: "who is no owner steps down from nothing", Given: known, When: owner(false, 0)},
		{Name: "an unknown member is not removed", When: remove(1), Err: member.ErrNotFound},
		{Name: "a member is removed", Given: known, When: remove(0), Then: []domain.Event{member.Removed{ID: ann.ID}}},
		{Name: "an owner is removed while there are others", Given: owning, When: remove(1),
			Then: []domain.Event{member.Removed{ID: ann.ID}}},
		{Name: "the last owner is not removed", Given: owning, When: remove(0), Err: member.ErrLastOwner},
	})
}
