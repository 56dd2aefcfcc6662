// Package workspace holds the rules of a workspace: its settings, its service accounts, the helpdesks that
// it lets tell of tickets, and its key epochs.
// It does not hold members or who may do what.
package workspace

import (
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// Opened starts a workspace. Client Secrets are off at first.
type Opened struct {
	Name  domain.Private `json:"name"`
	Owner string         `json:"owner"` // member id; the first owner
}

// SettingsChanged holds only the settings that changed.
type SettingsChanged struct {
	Enabled            *bool           `json:"enabled,omitempty"`
	RevealVerification *Verification   `json:"reveal_verification,omitempty"`
	ExpiredReveals     *ExpiredReveals `json:"expired_reveals,omitempty"`
	Reason             *ReasonRule     `json:"reason,omitempty"`
	RemaskSeconds      *int            `json:"remask_seconds,omitempty"`
	RevealLimitPerHour *int            `json:"reveal_limit_per_hour,omitempty"` // 0 is no limit
}

// APIKeyIssued lets a service account in.
type APIKeyIssued struct {
	KeyID       uuid.UUID           `json:"key_id"`
	Name        domain.Private      `json:"name"`
	Permissions []domain.Permission `json:"permissions"`
	Hash        []byte              `json:"hash"` // keyed HMAC-SHA256 of the key
	ExpiresAt   *time.Time          `json:"expires_at,omitempty"`
}

// APIKeyRevoked shuts a service account out.
type APIKeyRevoked struct {
	KeyID uuid.UUID `json:"key_id"`
}

// SourceConfigured lets the webhooks of a helpdesk in. What they are checked with, and what the helpdesk is asked with, is
// in the vault.
type SourceConfigured struct {
	Source   Source    `json:"source"`
	ID       uuid.UUID `json:"id"`                // of this configuration; names its subject in the vault
	Replaces uuid.UUID `json:"replaces,omitzero"` // the configuration before it, whose key is to be destroyed
	Fetches  bool      `json:"fetches"`           // whether the helpdesk can be asked for more than it sends
	Content  Content   `json:"content"`
}

// SourceRemoved shuts the webhooks of a helpdesk out.
type SourceRemoved struct {
	Source Source    `json:"source"`
	ID     uuid.UUID `json:"id"` // of the configuration, whose key is to be destroyed
}

// Content names an encrypted value in the vault.
type Content struct {
	ID     uuid.UUID `json:"id"`
	KeyID  string    `json:"key_id"`
	Alg    string    `json:"alg"`
	SHA256 []byte    `json:"sha256"` // of the ciphertext
}

// KeyEpochOpened tells that new data keys are wrapped under a new key-encryption key.
type KeyEpochOpened struct {
	Epoch int `json:"epoch"`
}

// KeyEpochRetired tells that nothing is wrapped under an epoch any more.
type KeyEpochRetired struct {
	Epoch int `json:"epoch"`
}

// EventType returns the stored name.
func (Opened) EventType() string { return "workspace.opened.v1" }

// EventType returns the stored name.
func (SettingsChanged) EventType() string { return "workspace.settings_changed.v1" }

// EventType returns the stored name.
func (APIKeyIssued) EventType() string { return "workspace.api_key_issued.v1" }

// EventType returns the stored name.
func (APIKeyRevoked) EventType() string { return "workspace.api_key_revoked.v1" }

// EventType returns the stored name.
func (SourceConfigured) EventType() string { return "workspace.source_configured.v1" }

// EventType returns the stored name.
func (SourceRemoved) EventType() string { return "workspace.source_removed.v1" }

// EventType returns the stored name.
func (KeyEpochOpened) EventType() string { return "workspace.key_epoch_opened.v1" }

// EventType returns the stored name.
func (KeyEpochRetired) EventType() string { return "workspace.key_epoch_retired.v1" }
