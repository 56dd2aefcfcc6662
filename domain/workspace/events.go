// Package workspace holds the rules of a workspace: its settings, its service accounts and its key epochs.
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
func (KeyEpochOpened) EventType() string { return "workspace.key_epoch_opened.v1" }

// EventType returns the stored name.
func (KeyEpochRetired) EventType() string { return "workspace.key_epoch_retired.v1" }
