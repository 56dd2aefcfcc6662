// Package group holds the rules of the directory's groups of members.
package group

import "github.com/kdesk/client-secrets/domain"

// Synced is what changed of a group: its name as it is now and the members added and removed.
type Synced struct {
	ID          string         `json:"id"`
	Incarnation int            `json:"incarnation"` // 1, and one more each time a removed group returns
	Name        domain.Private `json:"name"`
	Added       []string       `json:"added,omitempty"`
	Removed     []string       `json:"removed,omitempty"`
}

// Removed ends a group with all its memberships.
type Removed struct {
	ID string `json:"id"`
}

// EventType returns the stored name.
func (Synced) EventType() string { return "group.synced.v1" }

// EventType returns the stored name.
func (Removed) EventType() string { return "group.removed.v1" }
