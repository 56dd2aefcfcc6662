// Package reveal holds the facts of reveals: what left, what was refused, what was held back.
package reveal

import (
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// FieldRevealed tells that a field's value was about to be given to a member. It is recorded before the value is decrypted.
type FieldRevealed struct {
	Secret       uuid.UUID       `json:"secret"`
	Field        string          `json:"field"`
	ValueVersion int             `json:"value_version"`
	Member       string          `json:"member"` // member id, or the key id of a service account
	Ticket       string          `json:"ticket,omitempty"`
	Reason       domain.Private  `json:"reason"`
	Decision     domain.Decision `json:"decision"`
	Flags        []string        `json:"flags,omitempty"`
	RetryOf      uuid.UUID       `json:"retry_of,omitzero"`
	Confirmed    bool            `json:"confirmed,omitempty"` // that the secret has expired
}

// FileDownloaded tells the same of a file. It is recorded before the first byte is decrypted.
type FileDownloaded FieldRevealed

// Denied tells that a reveal was refused.
type Denied struct {
	Secret   uuid.UUID       `json:"secret"`
	Field    string          `json:"field"`
	Member   string          `json:"member"`
	Ticket   string          `json:"ticket,omitempty"`
	Code     string          `json:"code"`
	Decision domain.Decision `json:"decision"`
}

// Withheld tells that a recorded reveal was decided otherwise at its own position: the value never left.
type Withheld struct {
	Of       uuid.UUID       `json:"of"` // event id of the reveal
	Secret   uuid.UUID       `json:"secret"`
	Field    string          `json:"field"`
	Member   string          `json:"member"`
	Code     string          `json:"code"`
	Decision domain.Decision `json:"decision"`
}

// LimitReached tells that a member was refused for the first time in a while because of the number of reveals in the hour
// before: the mark of a session or key that somebody empties a workspace with. Owners are mailed.
type LimitReached struct {
	Member string `json:"member"` // member id, or the key id of a service account
	Limit  int    `json:"limit"`  // reveals an hour
}

// EventType returns the stored name.
func (FieldRevealed) EventType() string { return "reveal.field_revealed.v1" }

// EventType returns the stored name.
func (FileDownloaded) EventType() string { return "reveal.file_downloaded.v1" }

// EventType returns the stored name.
func (Denied) EventType() string { return "reveal.denied.v1" }

// EventType returns the stored name.
func (Withheld) EventType() string { return "reveal.withheld.v1" }

// EventType returns the stored name.
func (LimitReached) EventType() string { return "reveal.limit_reached.v1" }

// PrivateSubject makes the reason the member's own text.
func (e FieldRevealed) PrivateSubject() (kind, id string) { return domain.MemberKind, e.Member }

// PrivateSubject makes the reason the member's own text.
func (e FileDownloaded) PrivateSubject() (kind, id string) { return FieldRevealed(e).PrivateSubject() }

// Flags of a reveal that an auditor looks at twice.
const (
	FlagExpired      = "expired"         // the secret had expired
	FlagOlderVersion = "older_version"   // not the current value
	FlagSelfGranted  = "self_granted"    // the decisive fact was written by the revealer
	FlagService      = "service_account" // no person asked
)
