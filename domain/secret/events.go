// Package secret holds the rules of secret records: their lifecycle, values, access and relations.
// It never meets a value: values are in the vault, and events name them by content id and hash of the ciphertext.
package secret

import (
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// Content names an encrypted value in the vault.
type Content struct {
	ID     uuid.UUID `json:"id"`
	KeyID  string    `json:"key_id"`
	Alg    string    `json:"alg"`
	SHA256 []byte    `json:"sha256"` // of the ciphertext
}

// Created starts a secret, active, without values.
type Created struct {
	Template        uuid.UUID      `json:"template"`
	TemplateVersion int            `json:"template_version"`
	Name            domain.Private `json:"name"`
	Description     domain.Private `json:"description"`
	ExpiresAt       *time.Time     `json:"expires_at,omitempty"`
}

// Described gives the secret another name or description.
type Described struct {
	Name        domain.Private `json:"name"`
	Description domain.Private `json:"description"`
}

// Activated makes the secret usable again.
type Activated struct{}

// Deactivated hides the secret from everyone but its managers.
type Deactivated struct{}

// ExpirationSet tells when the secret's values should have been replaced.
type ExpirationSet struct {
	ExpiresAt time.Time `json:"expires_at"`
}

// ExpirationCleared ends that.
type ExpirationCleared struct{}

// ValueSet gives a field a value, version by version from 1.
type ValueSet struct {
	Field        string  `json:"field"`
	ValueVersion int     `json:"value_version"`
	Content      Content `json:"content"`
}

// ValueCleared leaves a field without a value. It has a version of its own.
type ValueCleared struct {
	Field        string `json:"field"`
	ValueVersion int    `json:"value_version"`
}

// FileAttached gives a field of type file a file, version by version like a value.
type FileAttached struct {
	Field        string         `json:"field"`
	ValueVersion int            `json:"value_version"`
	Content      Content        `json:"content"`
	FileName     domain.Private `json:"file_name"`
	ContentType  domain.Private `json:"content_type"` // as found in its bytes
}

// FileRemoved leaves a field without a file. It has a version of its own.
type FileRemoved struct {
	Field        string `json:"field"`
	ValueVersion int    `json:"value_version"`
}

// FileScanned tells what a scanner for malware found in a file while it was uploaded.
type FileScanned struct {
	Field        string `json:"field"`
	ValueVersion int    `json:"value_version"`
	Verdict      string `json:"verdict"`
}

// VerdictClean is the verdict on a file that nothing was found in. Others are never attached.
const VerdictClean = "clean"

// TemplateUpgraded moves the secret to a newer version of its template: it has the fields of that one from then on.
type TemplateUpgraded struct {
	Template uuid.UUID `json:"template"`
	From     int       `json:"from"`
	To       int       `json:"to"`
}

// AccessGranted assigns the secret to members.
type AccessGranted struct {
	Kind        AssignmentKind `json:"kind"`
	Target      string         `json:"target"`
	Incarnation int            `json:"incarnation,omitempty"` // of the member or group; 0 if it has none or it is not known
}

// AccessRevoked ends an assignment.
type AccessRevoked struct {
	Kind   AssignmentKind `json:"kind"`
	Target string         `json:"target"`
}

// RuleAdded lets those in whom the rule matches.
type RuleAdded struct {
	RuleID uuid.UUID `json:"rule_id"`
	Kind   RuleKind  `json:"kind"`
	Value  string    `json:"value,omitempty"` // the category of category_assignee
	While  While     `json:"while"`
}

// RuleRemoved ends a rule.
type RuleRemoved struct {
	RuleID uuid.UUID `json:"rule_id"`
}

// TicketLinked relates a ticket.
type TicketLinked struct {
	Ticket      string `json:"ticket"`
	Incarnation int    `json:"incarnation,omitempty"` // of the ticket; 0 if it is not known
}

// TicketUnlinked ends that.
type TicketUnlinked struct {
	Ticket string `json:"ticket"`
}

// ContactRelated relates a contact.
type ContactRelated struct {
	Contact     string `json:"contact"`
	Incarnation int    `json:"incarnation,omitempty"` // of the contact; 0 if it is not known
}

// ContactUnrelated ends that.
type ContactUnrelated struct {
	Contact string `json:"contact"`
}

// HoldPlaced puts the secret under legal hold: it cannot be destroyed.
type HoldPlaced struct {
	Reason domain.Private `json:"reason"`
}

// HoldReleased ends that.
type HoldReleased struct {
	Reason domain.Private `json:"reason"`
}

// DestroyRequested ends the secret: from here on nothing of it is shown, and its key is about to be deleted.
type DestroyRequested struct{}

// Destroyed tells that the secret's key and ciphertexts are deleted.
type Destroyed struct {
	CompleteAt time.Time `json:"complete_at"` // when the last backup of the key is gone too
}

// EventType returns the stored name.
func (Created) EventType() string { return "secret.created.v1" }

// EventType returns the stored name.
func (Described) EventType() string { return "secret.described.v1" }

// EventType returns the stored name.
func (Activated) EventType() string { return "secret.activated.v1" }

// EventType returns the stored name.
func (Deactivated) EventType() string { return "secret.deactivated.v1" }

// EventType returns the stored name.
func (ExpirationSet) EventType() string { return "secret.expiration_set.v1" }

// EventType returns the stored name.
func (ExpirationCleared) EventType() string { return "secret.expiration_cleared.v1" }

// EventType returns the stored name.
func (ValueSet) EventType() string { return "secret.value_set.v1" }

// EventType returns the stored name.
func (ValueCleared) EventType() string { return "secret.value_cleared.v1" }

// EventType returns the stored name.
func (FileAttached) EventType() string { return "secret.file_attached.v1" }

// EventType returns the stored name.
func (FileRemoved) EventType() string { return "secret.file_removed.v1" }

// EventType returns the stored name.
func (FileScanned) EventType() string { return "secret.file_scanned.v1" }

// EventType returns the stored name.
func (TemplateUpgraded) EventType() string { return "secret.template_upgraded.v1" }

// EventType returns the stored name.
func (AccessGranted) EventType() string { return "secret.access_granted.v1" }

// EventType returns the stored name.
func (AccessRevoked) EventType() string { return "secret.access_revoked.v1" }

// EventType returns the stored name.
func (RuleAdded) EventType() string { return "secret.rule_added.v1" }

// EventType returns the stored name.
func (RuleRemoved) EventType() string { return "secret.rule_removed.v1" }

// EventType returns the stored name.
func (TicketLinked) EventType() string { return "secret.ticket_linked.v1" }

// EventType returns the stored name.
func (TicketUnlinked) EventType() string { return "secret.ticket_unlinked.v1" }

// EventType returns the stored name.
func (ContactRelated) EventType() string { return "secret.contact_related.v1" }

// EventType returns the stored name.
func (ContactUnrelated) EventType() string { return "secret.contact_unrelated.v1" }

// EventType returns the stored name.
func (HoldPlaced) EventType() string { return "secret.hold_placed.v1" }

// EventType returns the stored name.
func (HoldReleased) EventType() string { return "secret.hold_released.v1" }

// EventType returns the stored name.
func (DestroyRequested) EventType() string { return "secret.destroy_requested.v1" }

// EventType returns the stored name.
func (Destroyed) EventType() string { return "secret.destroyed.v1" }
