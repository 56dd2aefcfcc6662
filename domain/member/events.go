// Package member holds the rules of a workspace's members: who they are, what they may do and which sign-in is theirs.
package member

import (
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// Synced is what the directory says of a member, whole.
type Synced struct {
	ID            string         `json:"id"`
	SourceVersion string         `json:"source_version,omitempty"`
	Incarnation   int            `json:"incarnation"` // 1, and one more each time a removed member returns
	Name          domain.Private `json:"name"`
	Email         domain.Private `json:"email"`
	EmailHash     []byte         `json:"email_hash,omitempty"` // keyed
	Division      string         `json:"division,omitempty"`
	Title         domain.Private `json:"title"`
	Active        bool           `json:"active"`
	UserName      domain.Private `json:"user_name,omitzero"`   // as an identity provider calls them
	ExternalID    domain.Private `json:"external_id,omitzero"` // of theirs at the identity provider
}

// Invited starts an invitation by mail.
type Invited struct {
	ID         string    `json:"id"`
	Invitation uuid.UUID `json:"invitation"`
	KeyID      string    `json:"key_id,omitempty"` // generation of the server key that the token derives from
	ExpiresAt  time.Time `json:"expires_at"`
}

// InvitationEnded tells that an invitation can no longer be accepted.
type InvitationEnded struct {
	ID         string        `json:"id"`
	Invitation uuid.UUID     `json:"invitation"`
	Reason     InvitationEnd `json:"reason"`
}

// InvitationEnd says why an invitation ended. A newer one, another address, a sign-in, deactivation and removal end one as
// well: those are facts of their own.
type InvitationEnd string

// The reasons.
const (
	Withdrawn     InvitationEnd = "withdrawn"     // by an owner
	Undeliverable InvitationEnd = "undeliverable" // the mail was refused for good
)

// IdentityBound makes a sign-in the member's.
type IdentityBound struct {
	ID          string `json:"id"`
	Issuer      string `json:"issuer"`
	SubjectHash []byte `json:"subject_hash"` // keyed HMAC-SHA256 of issuer and subject

	Invitation uuid.UUID `json:"invitation,omitzero"` // that was accepted; absent if an owner named the sign-in
}

// IdentityUnbound ends that.
type IdentityUnbound struct {
	ID          string `json:"id"`
	SubjectHash []byte `json:"subject_hash"`
}

// PermissionsChanged grants and revokes permissions.
type PermissionsChanged struct {
	ID      string              `json:"id"`
	Granted []domain.Permission `json:"granted,omitempty"`
	Revoked []domain.Permission `json:"revoked,omitempty"`
}

// OwnershipChanged makes a member an owner, or no longer one.
type OwnershipChanged struct {
	ID    string `json:"id"`
	Owner bool   `json:"owner"`
}

// OwnershipReliedOn tells that another owner was about to leave because this one stays. By itself it changes nothing.
type OwnershipReliedOn struct {
	ID      string `json:"id"`
	Leaving string `json:"leaving"` // the other one's id
}

// Removed takes a member out of the workspace. A later Synced is a new incarnation that inherits nothing.
type Removed struct {
	ID string `json:"id"`
}

// EraseRequested ends what is known of a member: the key of their personal data is about to be destroyed.
type EraseRequested struct {
	ID string `json:"id"`
}

// Erased tells that the member's key was destroyed.
type Erased struct {
	ID string `json:"id"`
}

// DenialsSuppressed counts refused reveals that were not recorded one by one.
type DenialsSuppressed struct {
	ID    string    `json:"id"`
	Count int       `json:"count"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

// EventType returns the stored name.
func (Synced) EventType() string { return "member.synced.v1" }

// EventType returns the stored name.
func (Invited) EventType() string { return "member.invited.v1" }

// EventType returns the stored name.
func (InvitationEnded) EventType() string { return "member.invitation_ended.v1" }

// EventType returns the stored name.
func (IdentityBound) EventType() string { return "member.identity_bound.v1" }

// EventType returns the stored name.
func (IdentityUnbound) EventType() string { return "member.identity_unbound.v1" }

// EventType returns the stored name.
func (PermissionsChanged) EventType() string { return "member.permissions_changed.v1" }

// EventType returns the stored name.
func (OwnershipChanged) EventType() string { return "member.ownership_changed.v1" }

// EventType returns the stored name.
func (OwnershipReliedOn) EventType() string { return "member.ownership_relied_on.v1" }

// EventType returns the stored name.
func (Removed) EventType() string { return "member.removed.v1" }

// EventType returns the stored name.
func (EraseRequested) EventType() string { return "member.erase_requested.v1" }

// EventType returns the stored name.
func (Erased) EventType() string { return "member.erased.v1" }

// EventType returns the stored name.
func (DenialsSuppressed) EventType() string { return "member.denials_suppressed.v1" }
