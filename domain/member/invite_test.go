package member_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/member"
)

func TestInvitations(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	const issuer, key = "https://id", "2026-05"
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	id := func(n byte) uuid.UUID { return uuid.UUID{n} }
	invite := func(n byte, at time.Time) func(member.State) ([]domain.Event, error) {
		return func(s member.State) ([]domain.Event, error) { return member.Invite(s, id(n), key, at) }
	}
	accept := func(n byte, hash []byte, at time.Time) func(member.State) ([]domain.Event, error) {
		return func(s member.State) ([]domain.Event, error) { return member.Accept(s, id(n), issuer, hash, at) }
	}
	end := func(n uuid.UUID) func(member.State) ([]domain.Event, error) {
		return func(s member.State) ([]domain.Event, error) { return member.EndInvitation(s, n, member.Withdrawn) }
	}
	invited := func(n byte, at time.Time) domain.Event {
		return member.Invited{ID: ann.ID, Invitation: id(n), KeyID: key, ExpiresAt: at.Add(member.InvitationValidity)}
	}
	bound := func(n byte, hash []byte) domain.Event {
		return member.IdentityBound{ID: ann.ID, Issuer: issuer, SubjectHash: hash, Invitation: id(n)}
	}
	known := synced(ann, 1)
	events := func(list ...domain.Event) []domain.Event { return append([]domain.Event{known}, list...) }
	elsewhere := synced(with(func(p *member.Profile) { p.Email, p.EmailHash = "new@example.com", []byte("other") }), 1)
	inactive := synced(with(func(p *member.Profile) { p.Active = false }), 1)
	mute := synced(with(func(p *member.Profile) { p.Email, p.EmailHash = "", nil }), 1)
	renamed := synced(with(func(p *member.Profile) { p.Name = "Anna" }), 1)
	ended := member.InvitationEnded{ID: ann.ID, Invitation: id(1), Reason: member.Withdrawn}
	open := events(invited(1, noon))
	var often []domain.Event
	for n := range byte(5) {
		often = append(often, invited(n+1, noon.Add(time.Duration(n)*time.Hour)))
	}
	domaintest.Run(t, member.Evolve, []domaintest.Case[member.State]{
		{Name: "a stranger is not invited", When: invite(1, noon), Err: member.ErrNotFound},
		{Name: "a member is, for seven days", Given: events(), When: invite(1, noon), Then: open[1:]},
		{Name: "not without an address", Given: []domain.Event{mute}, When: invite(1, noon), Err: member.ErrNoAddress},
		{Name: "nor while inactive", Given: []domain.Event{inactive}, When: invite(1, noon), Err: member.ErrInactive},
		{Name: "nor with a sign-in", Given: events(bound(9, one)), When: invite(1, noon), Err: member.ErrHasSignIn},
		{Name: "five times a day are enough", Given: events(often...), When: invite(6, noon.Add(24*time.Hour-time.Second)), Err: member.ErrTooManySent},
		{Name: "then there may be one more", Given: events(often...), When: invite(6, noon.Add(24*time.Hour)), Then: []domain.Event{invited(6, noon.Add(24*time.Hour))}},

		{Name: "an invitation makes a sign-in the member's", Given: open, When: accept(1, one, noon.Add(time.Hour)), Then: []domain.Event{bound(1, one)}},
		{Name: "until it expires", Given: open, When: accept(1, one, noon.Add(member.InvitationValidity)), Err: member.ErrInvitation},
		{Name: "once", Given: append(open, bound(1, one)), When: accept(1, two, noon), Err: member.ErrInvitation},
		{Name: "but whoever has it may repeat it", Given: append(open, bound(1, one)), When: accept(1, one, noon)},
		{Name: "not after the sign-in was taken away", Given: append(open, bound(1, one), member.IdentityUnbound{ID: ann.ID}), When: accept(1, one, noon), Err: member.ErrInvitation},
		{Name: "a newer one takes its place", Given: append(open, invited(2, noon)), When: accept(1, one, noon), Err: member.ErrInvitation},
		{Name: "another address ends it", Given: append(open, elsewhere), When: accept(1, one, noon), Err: member.ErrInvitation},
		{Name: "so does deactivation", Given: append(open, inactive, known), When: accept(1, one, noon), Err: member.ErrInvitation},
		{Name: "and removal", Given: append(open, member.Removed{ID: ann.ID}, synced(ann, 2)), When: accept(1, one, noon), Err: member.ErrInvitation},
		{Name: "and erasure", Given: append(open, member.EraseRequested{ID: ann.ID}), When: accept(1, one, noon), Err: member.ErrInvitation},
		{Name: "and another sign-in", Given: append(open, bound(0, two), member.IdentityUnbound{ID: ann.ID}), When: accept(1, one, noon), Err: member.ErrInvitation},
		{Name: "another name does not", Given: append(open, renamed), When: accept(1, one, noon), Then: []domain.Event{bound(1, one)}},
		{Name: "what was never sent is none", Given: events(), When: accept(1, one, noon), Err: member.ErrInvitation},

		{Name: "an open one is withdrawn", Given: open, When: end(uuid.Nil), Then: []domain.Event{ended}},
		{Name: "for good", Given: append(open, ended), When: accept(1, one, noon), Err: member.ErrInvitation},
		{Name: "only the one that is meant", Given: append(open, invited(2, noon)), When: end(id(1))},
		{Name: "without one nothing is withdrawn", Given: events(), When: end(uuid.Nil)},
		{Name: "nor of a stranger", When: end(uuid.Nil), Err: member.ErrNotFound},
	})
	_, err := member.Invite(domaintest.Fold(t, member.Evolve, member.State{}, events(often...)), id(6), key, noon.Add(23*time.Hour))
	var refusal *domain.Error
	assert.ErrorAs(t, err, &refusal)
	assert.Equal(t, time.Hour, refusal.Wait)
}
