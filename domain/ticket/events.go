// Package ticket holds the rules of tickets as the helpdesk tells of them.
package ticket

import "github.com/kdesk/client-secrets/domain"

// Status is whether a ticket is being worked on.
type Status string

// The statuses.
const (
	Open   Status = "open"
	Closed Status = "closed"
)

// Synced is the whole state of a ticket, so that a reader needs no history.
type Synced struct {
	ID            string         `json:"id"`
	SourceVersion string         `json:"source_version,omitempty"`
	Incarnation   int            `json:"incarnation"` // 1, and one more each time a removed ticket returns
	Subject       domain.Private `json:"subject"`
	URL           domain.Private `json:"url"`
	Status        Status         `json:"status"`
	Category      string         `json:"category,omitempty"`
	Contact       string         `json:"contact,omitempty"`
	Contacts      []string       `json:"contacts,omitempty"` // further contacts
	CreatedBy     string         `json:"created_by,omitempty"`
	Assignees     []string       `json:"assignees,omitempty"`
	Followers     []string       `json:"followers,omitempty"`
	Groups        []string       `json:"groups,omitempty"`
	Approvers     []string       `json:"approvers,omitempty"`
}

// SyncIgnored tells that an older fact arrived after a newer one.
type SyncIgnored struct {
	ID            string `json:"id"`
	SourceVersion string `json:"source_version"`
}

// Removed ends a ticket. A later Synced is a new incarnation that inherits no links.
type Removed struct {
	ID string `json:"id"`
}

// EventType returns the stored name.
func (Synced) EventType() string { return "ticket.synced.v1" }

// EventType returns the stored name.
func (SyncIgnored) EventType() string { return "ticket.sync_ignored.v1" }

// EventType returns the stored name.
func (Removed) EventType() string { return "ticket.removed.v1" }
