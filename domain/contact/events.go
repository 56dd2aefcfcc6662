// Package contact holds the rules of the helpdesk's contacts and of the members who own them.
package contact

import "github.com/kdesk/client-secrets/domain"

// Synced is what the helpdesk says of a contact, with the owners added and removed.
type Synced struct {
	ID            string         `json:"id"`
	SourceVersion string         `json:"source_version,omitempty"`
	Incarnation   int            `json:"incarnation"` // 1, and one more each time a removed contact returns
	Name          domain.Private `json:"name"`
	Company       domain.Private `json:"company"`
	Email         domain.Private `json:"email"`
	OwnersAdded   []string       `json:"owners_added,omitempty"`
	OwnersRemoved []string       `json:"owners_removed,omitempty"`
}

// Removed ends a contact. A later Synced is a new incarnation that inherits nothing.
type Removed struct {
	ID string `json:"id"`
}

// EraseRequested ends what is known of a contact: the key of their personal data is about to be destroyed.
type EraseRequested struct {
	ID string `json:"id"`
}

// Erased tells that the contact's key was destroyed.
type Erased struct {
	ID string `json:"id"`
}

// EventType returns the stored name.
func (Synced) EventType() string { return "contact.synced.v1" }

// EventType returns the stored name.
func (Removed) EventType() string { return "contact.removed.v1" }

// EventType returns the stored name.
func (EraseRequested) EventType() string { return "contact.erase_requested.v1" }

// EventType returns the stored name.
func (Erased) EventType() string { return "contact.erased.v1" }
