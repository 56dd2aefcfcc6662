package member_test

import (
	"bytes"
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/member"
)

func TestIdentity(t *testing.T) {
	const issuer = "https://id.example.com"
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	bind := func(subject []byte) func(member.State) ([]domain.Event, error) {
		return func(s member.State) ([]domain.Event, error) { return member.BindIdentity(s, issuer, subject) }
	}
	known := []domain.Event{synced(ann, 1)}
	bound := append(known[:1:1], member.IdentityBound{ID: ann.ID, Issuer: issuer, SubjectHash: one})
	domaintest.Run(t, member.Evolve, []domaintest.Case[member.State]{
		{Name: "an unknown member has no sign-in", When: bind(one), Err: member.ErrNotFound},
		{Name: "a sign-in is bound", Given: known, When: bind(one), Then: bound[1:]},
		{Name: "binding it again changes nothing", Given: bound, When: bind(one)},
		{Name: "another sign-in takes its place", Given: bound, When: bind(two), Then: []domain.Event{
			member.IdentityUnbound{ID: ann.ID, SubjectHash: one},
			member.IdentityBound{ID: ann.ID, Issuer: issuer, SubjectHash: two},
		}},
		{Name: "a sign-in is taken away", Given: bound, When: member.UnbindIdentity,
			Then: []domain.Event{member.IdentityUnbound{ID: ann.ID, SubjectHash: one}}},
		{Name: "without a sign-in none is taken away", Given: known, When: member.UnbindIdentity},
		{Name: "a removed member binds none", Given: append(bound[:2:2], member.Removed{ID: ann.ID}), When: bind(one),
			Err: member.ErrNotFound},
	})
	if _, err := member.BindIdentity(member.State{Exists: true}, issuer, []byte("short")); err == nil {
		t.Error("a sign-in without the hash of its subject was bound")
	}
}
