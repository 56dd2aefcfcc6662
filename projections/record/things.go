package record

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/ticket"
)

// Key names a directory thing within a workspace: its kind, a slash and its id.
type Key string

const (
	ticketPrefix  = domain.TicketKind + "/"
	contactPrefix = domain.ContactKind + "/"
	memberPrefix  = domain.MemberKind + "/"
	groupPrefix   = domain.GroupKind + "/"
)

// TicketKey returns the key of a ticket.
func TicketKey(id string) Key { return Key(ticketPrefix + id) }

// ContactKey returns the key of a contact.
func ContactKey(id string) Key { return Key(contactPrefix + id) }

func (k Key) in(workspace uuid.UUID) Thing { return Thing{workspace, k} }

// Thing is a directory thing of a workspace.
type Thing struct {
	Workspace uuid.UUID
	Key       Key
}

// Fate is what became of a thing that was removed at least once. The zero Fate is that of all others.
type Fate struct {
	Gone        bool
	Incarnation int // of the thing that is there; 0 if it is not known
}

// takes tells whether naming an incarnation (0: whichever there is) has an effect.
func (f Fate) takes(incarnation int) bool {
	return !f.Gone && (incarnation == 0 || f.Incarnation == 0 || incarnation == f.Incarnation)
}

// key returns the key of whom an assignment names; "" if that is no directory thing.
func (a Assignment) key() Key {
	switch a.Kind {
	case secret.ToMember:
		return Key(memberPrefix + a.Target)
	case secret.ToGroup:
		return Key(groupPrefix + a.Target)
	}
	return ""
}

// Keys returns the keys of all directory things that the record names.
func (s *Secret) Keys() []Key {
	keys := make([]Key, 0, len(s.Tickets)+len(s.Contacts)+len(s.Assignments))
	for _, id := range s.Tickets {
		keys = append(keys, TicketKey(id))
	}
	for _, id := range s.Contacts {
		keys = append(keys, ContactKey(id))
	}
	for _, a := range s.Assignments {
		if k := a.key(); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// drop takes a thing out of the record.
func (s *Secret) drop(k Key) {
	_, id, _ := strings.Cut(string(k), "/")
	switch {
	case strings.HasPrefix(string(k), ticketPrefix):
		s.Tickets = without(s.Tickets, id)
	case strings.HasPrefix(string(k), contactPrefix):
		s.Contacts = without(s.Contacts, id)
	default:
		s.Assignments = slices.DeleteFunc(s.Assignments, func(a Assignment) bool { return a.key() == k })
	}
}

// told is what an event says of the being there of a thing.
type told struct {
	Thing
	incarnation int
	removed     bool
}

// directoryEvent returns what an event says of a directory thing; false if it is none that matters here.
func directoryEvent(e domain.Recorded) (told, bool) {
	say := func(prefix, id string, incarnation int) (told, bool) {
		return told{Key(prefix + id).in(e.Meta.Workspace), incarnation, incarnation == 0}, true
	}
	switch v := e.Event.(type) {
	case ticket.Synced:
		return say(ticketPrefix, v.ID, max(v.Incarnation, 1))
	case ticket.Removed:
		return say(ticketPrefix, v.ID, 0)
	case contact.Synced:
		return say(contactPrefix, v.ID, max(v.Incarnation, 1))
	case contact.Removed:
		return say(contactPrefix, v.ID, 0)
	case member.Synced:
		return say(memberPrefix, v.ID, max(v.Incarnation, 1))
	case member.Removed:
		return say(memberPrefix, v.ID, 0)
	case group.Synced:
		return say(groupPrefix, v.ID, max(v.Incarnation, 1))
	case group.Removed:
		return say(groupPrefix, v.ID, 0)
	}
	return told{}, false
}
