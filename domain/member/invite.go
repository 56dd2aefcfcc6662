package member

import (
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// What bounds invitations.
const (
	InvitationValidity = 7 * 24 * time.Hour
	maxInvitations     = 5 // of a member in inviteWindow: nobody's mailbox is filled
	inviteWindow       = 24 * time.Hour
)

// Refusals of invitations.
var (
	ErrNoAddress   = domain.Refuse(domain.Conflict, "no_email_address", "the member has no mail address that an invitation could be sent to")
	ErrInactive    = domain.Refuse(domain.Conflict, "member_inactive", "the member is not active")
	ErrHasSignIn   = domain.Refuse(domain.Conflict, "identity_bound", "the member has a sign-in already: take it away before you invite them again")
	ErrTooManySent = domain.Refuse(domain.TooMany, "too_many_invitations", "the member was invited often enough for now: wait before you try again")

	// ErrInvitation is the one answer to all that is no valid invitation: made up, replaced, withdrawn, used or expired.
	ErrInvitation = domain.Refuse(domain.NotFound, "invitation_not_valid", "this invitation is not valid, or not any more: ask an owner of your workspace for another one")
)

// Invitation lets whoever has the mail make a sign-in the member's.
type Invitation struct {
	ID        uuid.UUID
	KeyID     string
	ExpiresAt time.Time
}

// Invite starts an invitation with an id of the command's, valid for seven days, in place of the one before. The same one
// again changes nothing. keyID names the server key that its token derives from.
func Invite(s State, invitation uuid.UUID, keyID string, now time.Time) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case s.Invitation != nil && s.Invitation.ID == invitation:
		return nil, nil
	case s.Identity != nil:
		return nil, ErrHasSignIn
	case !s.Profile.Active:
		return nil, ErrInactive
	case s.Profile.Email == "" || s.Erased:
		return nil, ErrNoAddress
	}
	at := domain.Millis(now)
	if n := len(s.Invited); n >= maxInvitations {
		if wait := s.Invited[n-maxInvitations].Add(inviteWindow).Sub(at); wait > 0 {
			return nil, ErrTooManySent.After(wait)
		}
	}
	return []domain.Event{Invited{ID: s.Profile.ID, Invitation: invitation, KeyID: keyID, ExpiresAt: at.Add(InvitationValidity)}}, nil
}

// Accept makes a sign-in the member's by an invitation. It is good once; the same sign-in may repeat it. ErrInvitation
// unless it is the member's last one, no event since has ended it, and it has not expired.
func Accept(s State, invitation uuid.UUID, issuer string, subjectHash []byte, now time.Time) ([]domain.Event, error) {
	switch {
	case s.Exists && s.Accepted == invitation && s.Has(subjectHash):
		return nil, nil
	case !s.Exists || s.Identity != nil || s.Invitation == nil || s.Invitation.ID != invitation || !now.Before(s.Invitation.ExpiresAt):
		return nil, ErrInvitation
	}
	return []domain.Event{IdentityBound{ID: s.Profile.ID, Issuer: issuer, SubjectHash: subjectHash, Invitation: invitation}}, nil
}

// EndInvitation ends an invitation that is open, or whichever is for uuid.Nil.
func EndInvitation(s State, invitation uuid.UUID, why InvitationEnd) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case s.Invitation == nil || invitation != uuid.Nil && s.Invitation.ID != invitation:
		return nil, nil
	}
	return []domain.Event{InvitationEnded{ID: s.Profile.ID, Invitation: s.Invitation.ID, Reason: why}}, nil
}
