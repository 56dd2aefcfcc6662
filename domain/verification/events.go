// Package verification holds the rules of the codes that unlock reveals: when one may be asked for, how often it may be
// tried, and when a session is unlocked. All challenges of a member are in one stream, so that trying several at once, in
// parallel or one after the other, is held against one budget.
//
// It knows no code: codes derive from a challenge's id under a key that only the server has. What an unlock is worth after
// the member's address, sign-in or membership changed is for the access index to say: those are facts of other streams.
package verification

import (
	"time"

	"github.com/google/uuid"
)

// Requested starts a challenge: a code is to be sent to the member's own address.
type Requested struct {
	Challenge uuid.UUID `json:"challenge"`
	Member    string    `json:"member"`
	Session   string    `json:"session"` // hash of the session that asked; only that one can answer
	KeyID     string    `json:"key_id"`  // generation of the server key that the code derives from
	At        time.Time `json:"at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// CodeSent tells that a mail server has taken the code.
type CodeSent struct {
	Challenge uuid.UUID `json:"challenge"`
	Member    string    `json:"member"`
	At        time.Time `json:"at"`
}

// Attempted counts a try. It is recorded before the code is compared.
type Attempted struct {
	Challenge uuid.UUID `json:"challenge"`
	Member    string    `json:"member"`
	Number    int       `json:"number"` // from 1
	At        time.Time `json:"at"`
}

// Unlocked lets the session reveal until a time.
type Unlocked struct {
	Challenge     uuid.UUID `json:"challenge"`
	Member        string    `json:"member"`
	Session       string    `json:"session"`
	At            time.Time `json:"at"`
	UnlockedUntil time.Time `json:"unlocked_until"`
}

// Locked ends a session's unlock before its time.
type Locked struct {
	Member  string `json:"member"`
	Session string `json:"session"`
}

// Ended tells that a challenge can no longer be answered.
type Ended struct {
	Challenge uuid.UUID `json:"challenge"`
	Member    string    `json:"member"`
	Reason    Reason    `json:"reason"`
}

// Reason says why a challenge ended.
type Reason string

// The reasons.
const (
	Replaced      Reason = "replaced"      // by a newer one
	Expired       Reason = "expired"       // noticed when the next one was asked for
	Exhausted     Reason = "exhausted"     // tried as often as may be
	Withdrawn     Reason = "withdrawn"     // the member's address, sign-in, membership or the settings changed meanwhile
	Undeliverable Reason = "undeliverable" // the mail was refused for good
)

// EventType returns the stored name.
func (Requested) EventType() string { return "verification.requested.v1" }

// EventType returns the stored name.
func (CodeSent) EventType() string { return "verification.code_sent.v1" }

// EventType returns the stored name.
func (Attempted) EventType() string { return "verification.attempted.v1" }

// EventType returns the stored name.
func (Unlocked) EventType() string { return "verification.unlocked.v1" }

// EventType returns the stored name.
func (Locked) EventType() string { return "verification.locked.v1" }

// EventType returns the stored name.
func (Ended) EventType() string { return "verification.ended.v1" }
