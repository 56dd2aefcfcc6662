package ticket

import (
	"fmt"

	"github.com/kdesk/client-secrets/domain"
)

// State is what decisions about a ticket read. Its zero value is a ticket nobody has told of.
type State struct {
	Exists        bool
	Incarnation   int // 0 before the first sync; stays when removed
	SourceVersion string
	Ignored       string // source version of the fact ignored last
	Facts         Facts
}

// Evolve returns the state after an event. It fails on an event that is not a ticket's.
func Evolve(s State, e domain.Event) (State, error) {
	switch e := e.(type) {
	case Synced:
		s = State{
			Exists: true, Incarnation: e.Incarnation, SourceVersion: domain.NewestVersion(s.SourceVersion, e.SourceVersion),
			Ignored: s.Ignored, Facts: factsOf(e),
		}
	case SyncIgnored:
		s.Ignored = e.SourceVersion
	case Removed:
		s = State{Incarnation: s.Incarnation, SourceVersion: s.SourceVersion, Ignored: s.Ignored, Facts: Facts{ID: s.Facts.ID}}
	default:
		return s, fmt.Errorf("a ticket has no %s", e.EventType())
	}
	return s, nil
}

func factsOf(e Synced) Facts {
	return Facts{
		ID: e.ID, SourceVersion: e.SourceVersion, Subject: e.Subject.Text, URL: e.URL.Text, Status: e.Status,
		Category: e.Category, Contact: e.Contact, Contacts: e.Contacts, CreatedBy: e.CreatedBy, Assignees: e.Assignees,
		Followers: e.Followers, Groups: e.Groups, Approvers: e.Approvers,
	}
}
