package access

import (
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// PolicyVersion numbers the rules by which Decide judges. Decisions recorded under another version are judged by that one.
const PolicyVersion = 1

// Action is what a request is about.
type Action uint8

// The actions, each with the permission it needs.
const (
	View     Action = iota + 1 // secrets.view
	Reveal                     // secrets.reveal
	Download                   // secrets.reveal; decided as Reveal is
	Modify                     // secrets.modify
	Link                       // secrets.link
	Manage                     // secrets.manage: grants, rules, hold, destruction
	Create                     // secrets.modify; about no secret yet
)

// Codes of the conditions, in the order in which they are looked at. A refusal bears the first that failed.
const (
	CodeModuleOff            = "module_off"
	CodeNotAMember           = "not_a_member"
	CodeMemberInactive       = "member_inactive" // or an API key that has expired
	CodePermissionMissing    = "permission_missing"
	CodeNotFound             = "not_found"        // no such secret in the workspace, or no such field or value version in the secret
	CodeSecretDestroyed      = "secret_destroyed" // those who manage secrets may still View that it was there
	CodeSecretInactive       = "secret_inactive"
	CodeNoGrant              = "no_grant"
	CodeValueNotSet          = "value_not_set"
	CodeOlderVersion         = "older_version"
	CodeVerificationRequired = "verification_required"
	CodeExpiredBlocked       = "expired_blocked"
	CodeConfirmationRequired = "confirmation_required"
	CodeReasonRequired       = "reason_required"
	CodeRevealLimit          = "reveal_limit"
)

// The ways in, as Decision.Via names them.
const (
	ViaOwner      = "owner"
	ViaPermission = "permission"
	ViaAssignment = "assignment"
	ViaRule       = "rule"
)

// Request is one question to Decide.
type Request struct {
	Workspace uuid.UUID
	Actor     domain.Actor
	Action    Action
	Secret    uuid.UUID // of every action but Create

	// The rest matters to Reveal and Download only.

	Field          string
	ValueVersion   int    // 0 is the current one
	Ticket         string // from which the reveal was asked; recorded with it, no condition depends on it
	HasReason      bool
	ConfirmExpired bool

	At time.Time // when it is asked
}
