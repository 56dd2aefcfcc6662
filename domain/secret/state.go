package secret

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// State is what decisions about a secret, and about a reveal of it, read. Its zero value is a secret that was never
// created. Evolve copies what it changes, so a State stays as it is.
type State struct {
	Exists          bool
	Template        uuid.UUID
	TemplateVersion int
	Name            domain.Private
	Description     domain.Private
	Active          bool
	ExpiresAt       *time.Time
	Values          map[string][]Content // by field key, files too: every version, version 1 at index 0; a cleared one is zero
	Assignments     []Assignment
	Rules           []Rule
	Tickets         []Related
	Contacts        []Related
	Held            bool // under legal hold
	HoldReason      domain.Private
	Destruction     Destruction
}

// Destruction is how far a secret's end has come. From the request on it does not Exist.
type Destruction int

// The steps of a destruction.
const (
	NotDestroyed Destruction = iota
	DestructionRequested
	DestructionDone
)

// FieldValue is one version of a field's value.
type FieldValue struct {
	Version int // 0 if the field never had a value
	Set     bool
	Content Content
}

// Value returns the newest version of a field's value.
func (s State) Value(field string) FieldValue {
	v, _ := s.ValueAt(field, len(s.Values[field]))
	return v
}

// ValueAt returns a version of a field's value; false if there is no such version.
func (s State) ValueAt(field string, version int) (FieldValue, bool) {
	history := s.Values[field]
	if version < 1 || version > len(history) {
		return FieldValue{}, false
	}
	c := history[version-1]
	return FieldValue{Version: version, Set: c.ID != uuid.Nil, Content: c}, true
}

// NextVersion returns the version that the field's next value has: ciphertexts are bound to it.
func (s State) NextVersion(field string) int { return len(s.Values[field]) + 1 }

// Expired tells whether the secret's values should have been replaced by now.
func (s State) Expired(now time.Time) bool { return s.ExpiresAt != nil && !now.Before(*s.ExpiresAt) }

// Evolve returns the state after an event. It fails on an event that is not a secret's.
func Evolve(s State, e domain.Event) (State, error) {
	switch e := e.(type) {
	case Created:
		s.Exists, s.Active, s.ExpiresAt = true, true, e.ExpiresAt
		s.Template, s.TemplateVersion = e.Template, e.TemplateVersion
		s.Name, s.Description = e.Name, e.Description
	case Described:
		s.Name, s.Description = e.Name, e.Description
	case Activated:
		s.Active = true
	case Deactivated:
		s.Active = false
	case ExpirationSet:
		s.ExpiresAt = &e.ExpiresAt
	case ExpirationCleared:
		s.ExpiresAt = nil
	case TemplateUpgraded:
		s.TemplateVersion = e.To
	case ValueSet:
		s.Values = withValue(s.Values, e.Field, e.Content)
	case ValueCleared:
		s.Values = withValue(s.Values, e.Field, Content{})
	case FileAttached:
		s.Values = withValue(s.Values, e.Field, e.Content)
	case FileRemoved:
		s.Values = withValue(s.Values, e.Field, Content{})
	case FileScanned:
	case HoldPlaced:
		s.Held, s.HoldReason = true, e.Reason
	case HoldReleased:
		s.Held, s.HoldReason = false, domain.Private{}
	case DestroyRequested:
		s.Exists, s.Destruction = false, DestructionRequested
	case Destroyed:
		s.Destruction = DestructionDone
	default:
		return s.evolveAccess(e)
	}
	return s, nil
}

func (s State) evolveAccess(e domain.Event) (State, error) {
	switch e := e.(type) {
	case AccessGranted:
		a := Assignment(e)
		s.Assignments = append(without(s.Assignments, a.sameTarget), a)
	case AccessRevoked:
		s.Assignments = without(s.Assignments, Assignment{Kind: e.Kind, Target: e.Target}.sameTarget)
	case RuleAdded:
		s.Rules = append(without(s.Rules, ruleID(e.RuleID)), Rule{ID: e.RuleID, Kind: e.Kind, Value: e.Value, While: e.While})
	case RuleRemoved:
		s.Rules = without(s.Rules, ruleID(e.RuleID))
	case TicketLinked:
		s.Tickets = append(without(s.Tickets, relatedID(e.Ticket)), Related{e.Ticket, e.Incarnation})
	case TicketUnlinked:
		s.Tickets = without(s.Tickets, relatedID(e.Ticket))
	case ContactRelated:
		s.Contacts = append(without(s.Contacts, relatedID(e.Contact)), Related{e.Contact, e.Incarnation})
	case ContactUnrelated:
		s.Contacts = without(s.Contacts, relatedID(e.Contact))
	default:
		return s, fmt.Errorf("a secret has no %s", e.EventType())
	}
	return s, nil
}

// withValue appends a version: by construction the event's version is the place it gets.
func withValue(values map[string][]Content, field string, c Content) map[string][]Content {
	values = maps.Clone(values)
	if values == nil {
		values = map[string][]Content{}
	}
	values[field] = append(slices.Clip(values[field]), c)
	return values
}

// without returns a copy of a list, nil if nothing is left, without what matches.
func without[T any](list []T, match func(T) bool) []T {
	rest := slices.DeleteFunc(slices.Clone(list), match)
	if len(rest) == 0 {
		return nil
	}
	return rest
}
