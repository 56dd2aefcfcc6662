package member

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// State is what decisions about a member read. Its zero value is a member nobody has told of. Evolve copies what it
// changes, so a State stays as it is.
type State struct {
	Exists        bool // in the workspace now
	Incarnation   int  // 0 before the first sync; stays when removed
	SourceVersion string
	Profile       Profile
	Owner         bool
	Permissions   []domain.Permission // in the order of domain.Permissions
	Identity      *Identity           // nil if no sign-in is bound
	Invitation    *Invitation         // that can be accepted; nil if none can
	Accepted      uuid.UUID           // the invitation that the sign-in came by
	Invited       []time.Time         // when the latest invitations were sent, oldest first
	Erased        bool                // for ever, from the request on: the key of the member's personal data goes
	KeyDestroyed  bool                // it is gone
}

// Identity is the sign-in that is the member's.
type Identity struct {
	Issuer      string
	SubjectHash []byte
}

// Standing tells whether the member is an owner whom the workspace can count on.
func (s State) Standing() bool { return s.Exists && s.Owner && s.Profile.Active }

// Has tells whether the member's sign-in is the one with a hash.
func (s State) Has(subjectHash []byte) bool {
	return s.Identity != nil && bytes.Equal(s.Identity.SubjectHash, subjectHash)
}

// Evolve returns the state after an event. It fails on an event that is not a member's.
func Evolve(s State, e domain.Event) (State, error) {
	switch e := e.(type) {
	case Synced:
		s = s.synced(e)
	case Invited:
		s = s.invite(e)
	case InvitationEnded:
		if s.Invitation != nil && s.Invitation.ID == e.Invitation {
			s.Invitation = nil
		}
	case IdentityBound:
		s.Identity, s.Accepted, s.Invitation = &Identity{Issuer: e.Issuer, SubjectHash: e.SubjectHash}, e.Invitation, nil
	case IdentityUnbound:
		s.Identity, s.Accepted = nil, uuid.Nil
	case PermissionsChanged:
		s.Permissions = changed(s.Permissions, e)
	case OwnershipChanged:
		s.Owner = e.Owner
	case Removed:
		s = State{Incarnation: s.Incarnation, SourceVersion: s.SourceVersion, Erased: s.Erased, KeyDestroyed: s.KeyDestroyed}
	case EraseRequested:
		s.Erased, s.Invitation = true, nil
	case Erased:
		s.Erased, s.KeyDestroyed = true, true
	case OwnershipReliedOn, DenialsSuppressed:
	default:
		return s, fmt.Errorf("a member has no %s", e.EventType())
	}
	return s, nil
}

func (s State) invite(e Invited) State {
	s.Invitation = &Invitation{ID: e.Invitation, KeyID: e.KeyID, ExpiresAt: e.ExpiresAt}
	latest := s.Invited[max(0, len(s.Invited)-maxInvitations+1):]
	s.Invited = append(slices.Clone(latest), e.ExpiresAt.Add(-InvitationValidity))
	return s
}

// synced takes a profile over. An invitation was for whoever reads the mail of an active member.
func (s State) synced(e Synced) State {
	if !e.Active || !bytes.Equal(s.Profile.EmailHash, e.EmailHash) {
		s.Invitation = nil
	}
	s.Exists = true
	s.Incarnation = e.Incarnation
	s.SourceVersion = domain.NewestVersion(s.SourceVersion, e.SourceVersion)
	s.Profile = Profile{
		ID: e.ID, SourceVersion: e.SourceVersion, Name: e.Name.Text, Email: e.Email.Text, EmailHash: e.EmailHash,
		Division: e.Division, Title: e.Title.Text, Active: e.Active,
		UserName: e.UserName.Text, ExternalID: e.ExternalID.Text,
	}
	return s
}

func changed(have []domain.Permission, e PermissionsChanged) (now []domain.Permission) {
	for _, p := range domain.Permissions() {
		if slices.Contains(e.Granted, p) || slices.Contains(have, p) && !slices.Contains(e.Revoked, p) {
			now = append(now, p)
		}
	}
	return now
}
