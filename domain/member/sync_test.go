package member_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/member"
)

var ann = member.Profile{
	ID: "zendesk:1", SourceVersion: "9", Name: "Ann", Email: "ann@example.com", EmailHash: []byte("hash"), Division: "North",
	Title: "Agent", Active: true,
}

func synced(p member.Profile, incarnation int) member.Synced {
	return member.Synced{
		ID: p.ID, SourceVersion: p.SourceVersion, Incarnation: incarnation, Name: domain.NewPrivate(p.Name),
		Email: domain.NewPrivate(p.Email), EmailHash: p.EmailHash, Division: p.Division, Title: domain.NewPrivate(p.Title),
		Active: p.Active,
	}
}

func with(change func(*member.Profile)) member.Profile {
	p := ann
	change(&p)
	return p
}

func sync(p member.Profile) func(member.State) ([]domain.Event, error) {
	return func(s member.State) ([]domain.Event, error) { return member.Sync(s, p) }
}

func TestSync(t *testing.T) {
	given := []domain.Event{synced(ann, 1)}
	removed := append(given[:1:1], member.Removed{ID: ann.ID})
	newer := with(func(p *member.Profile) { p.SourceVersion = "10" })
	older := with(func(p *member.Profile) { p.SourceVersion, p.Name = "8", "Old Ann" })
	unversioned := with(func(p *member.Profile) { p.SourceVersion = "" })
	renamed := with(func(p *member.Profile) { p.SourceVersion, p.Name = "", "Anna" })
	spaced := with(func(p *member.Profile) { p.Name, p.Email = " Ann ", "ann@example.com " })
	wrong := member.Profile{ID: "1", Name: "\u202e", Email: "no", Division: "a\nb"}
	domaintest.Run(t, member.Evolve, []domaintest.Case[member.State]{
		{Name: "a member is told of", When: sync(ann), Then: given},
		{Name: "texts are trimmed", When: sync(spaced), Then: given},
		{Name: "the same profile changes nothing", Given: given, When: sync(ann)},
		{Name: "the same profile without a version changes nothing", Given: given, When: sync(unversioned)},
		{Name: "a newer version is recorded even if nothing else is new", Given: given, When: sync(newer),
			Then: []domain.Event{synced(newer, 1)}},
		{Name: "an older version changes nothing", Given: given, When: sync(older)},
		{Name: "a change without a version counts", Given: given, When: sync(renamed), Then: []domain.Event{synced(renamed, 1)}},
		{Name: "and does not let an older version back in", Given: append(given[:1:1], synced(renamed, 1)), When: sync(older)},
		{Name: "a removed member returns as a new incarnation", Given: removed, When: sync(ann), Then: []domain.Event{synced(ann, 2)}},
		{Name: "an older version does not bring a removed member back", Given: removed, When: sync(older)},
		{Name: "an erased member does not return", Given: append(given[:1:1], member.Erased{ID: ann.ID}), When: sync(newer),
			Err: member.ErrErased},
		{Name: "everything wrong is told at once", When: sync(wrong), Err: domain.Refuse(domain.Invalid, "invalid_id", ""),
			At: []string{"path.id", "body.name", "body.email", "body.division"}},
	})
}

func TestANewIncarnationInheritsNothing(t *testing.T) {
	s := domaintest.Fold(t, member.Evolve, member.State{}, []domain.Event{
		synced(ann, 1), member.Invited{ID: ann.ID}, member.OwnershipChanged{ID: ann.ID, Owner: true},
		member.PermissionsChanged{ID: ann.ID, Granted: []domain.Permission{domain.SecretsManage}},
		member.IdentityBound{ID: ann.ID, Issuer: "https://id", SubjectHash: []byte("s")},
		member.DenialsSuppressed{ID: ann.ID}, member.Removed{ID: ann.ID}, synced(ann, 2),
	})
	if !s.Exists || s.Incarnation != 2 || s.Owner || s.Permissions != nil || s.Identity != nil {
		t.Errorf("the second incarnation inherited something: %+v", s)
	}
	domaintest.RefusesUnknown(t, member.Evolve)
}
