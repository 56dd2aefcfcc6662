package access

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Membership is a workspace in which a sign-in is a member's.
type Membership struct {
	Workspace   uuid.UUID
	Member      string
	Owner       bool
	Active      bool // the directory may have switched him off: he is a member and may do nothing
	Permissions PermissionSet
	Enabled     bool // that the module is on
}

// Memberships returns the members that an identity is bound to, by workspace. Removed members have none.
func (x *Index) Memberships(subjectHash []byte) []Membership {
	refs := x.identities[string(subjectHash)]
	list := make([]Membership, 0, len(refs))
	for _, ref := range refs {
		m := ref.space.members.at(ref.slot)
		list = append(list, Membership{ref.space.id, m.ID, m.Owner, m.Active, subjectOf(m).permissions, ref.space.settings.Enabled})
	}
	slices.SortFunc(list, func(a, b Membership) int {
		if c := compareIDs(a.Workspace, b.Workspace); c != 0 {
			return c
		}
		return strings.Compare(a.Member, b.Member)
	})
	return list
}

// ServiceAccount finds the API key with a hash; false if there is none or it was revoked. It may have expired.
func (x *Index) ServiceAccount(keyHash []byte) (workspace, keyID uuid.UUID, expires *time.Time, ok bool) {
	ref, ok := x.keys[string(keyHash)]
	if !ok {
		return uuid.Nil, uuid.Nil, nil, false
	}
	if until := ref.space.keys[ref.id].Expires; until != never {
		t := until.time()
		expires = &t
	}
	return ref.space.id, ref.id, expires, true
}

// Settings returns those of a workspace; false if it was never opened.
func (x *Index) Settings(ws uuid.UUID) (workspace.Settings, bool) {
	s := x.spaces[ws]
	if s == nil || !s.opened {
		return workspace.Defaults(), false
	}
	return s.settings, true
}

// Permissions returns what an actor may do in a workspace, whether the module is on or not; owners may do everything. It is
// false for whoever is no active member and no valid service account there.
func (x *Index) Permissions(ws uuid.UUID, actor domain.Actor, at time.Time) (PermissionSet, bool) {
	s := x.spaces[ws]
	if s == nil {
		return 0, false
	}
	u, code := s.subject(actor, instantOf(at))
	return u.permissions, code == ""
}

// NextReveal returns when the limit of reveals lets an actor reveal again: at, unless it is reached.
func (x *Index) NextReveal(ws uuid.UUID, actor domain.Actor, at time.Time) time.Time {
	s := x.spaces[ws]
	if s == nil {
		return at
	}
	return s.nextReveal(actor, at)
}

func (s *space) nextReveal(actor domain.Actor, at time.Time) time.Time {
	limit := s.settings.RevealLimitPerHour
	who, known := s.names.find(actor.ID)
	if limit == 0 || !known {
		return at
	}
	return s.reveals.below(limit, who, at)
}

// Owners returns the active owners of a workspace in the order of their ids.
func (x *Index) Owners(ws uuid.UUID) []string {
	s := x.spaces[ws]
	if s == nil {
		return nil
	}
	var list []string
	for _, m := range s.members.all {
		if m != nil && m.Live && m.Active && m.Owner {
			list = append(list, m.ID)
		}
	}
	slices.Sort(list)
	return list
}

// OutsideGroup returns those of some member ids that a group does not have: a member who was removed is in none until a
// later fact of the group names him.
func (x *Index) OutsideGroup(ws uuid.UUID, id string, members []string) []string {
	if s := x.spaces[ws]; s != nil {
		if g := s.groups.live(id); g != nil {
			return s.untied(g.Members, members)
		}
	}
	return nil
}

// NotOwning returns those of some member ids that do not own a contact, likewise.
func (x *Index) NotOwning(ws uuid.UUID, id string, members []string) []string {
	if s := x.spaces[ws]; s != nil {
		if c := s.contacts.live(id); c != nil {
			return s.untied(c.Owners, members)
		}
	}
	return nil
}

func (s *space) untied(ties []tie, members []string) (list []string) {
	for _, id := range members {
		if at := s.members.current[id]; at == 0 || findTie(ties, at) == nil {
			list = append(list, id)
		}
	}
	return list
}

// HasMember tells whether the directory of a workspace has a member, active or not.
func (x *Index) HasMember(ws uuid.UUID, id string) bool {
	s := x.spaces[ws]
	return s != nil && s.members.live(id) != nil
}

// HasGroup tells whether the directory of a workspace has a group.
func (x *Index) HasGroup(ws uuid.UUID, id string) bool {
	s := x.spaces[ws]
	return s != nil && s.groups.live(id) != nil
}

// HasContact tells whether the directory of a workspace has a contact.
func (x *Index) HasContact(ws uuid.UUID, id string) bool {
	s := x.spaces[ws]
	return s != nil && s.contacts.live(id) != nil
}

// HasTicket tells whether the directory of a workspace has a ticket.
func (x *Index) HasTicket(ws uuid.UUID, id string) bool {
	s := x.spaces[ws]
	return s != nil && s.tickets.live(id) != nil
}

// UnlockedUntil returns until when an actor's session may reveal what takes a verification; nil if it is locked.
func (x *Index) UnlockedUntil(ws uuid.UUID, actor domain.Actor, at time.Time) *time.Time {
	s := x.spaces[ws]
	if s == nil || actor.Kind != domain.Member {
		return nil
	}
	m := s.members.live(actor.ID)
	if m == nil || !m.Active {
		return nil
	}
	u, ok := s.unlocks[session{m.Slot, actor.Session}]
	if !ok || instantOf(at) >= u.Until {
		return nil
	}
	until := u.Until.time()
	return &until
}

// HeldUntil returns until when nothing is unlocked for a member, because his address has changed; nil if nothing holds.
func (x *Index) HeldUntil(ws uuid.UUID, member string, at time.Time) *time.Time {
	s := x.spaces[ws]
	if s == nil {
		return nil
	}
	m := s.members.live(member)
	if m == nil || !m.held(instantOf(at)) {
		return nil
	}
	until := m.heldUntil().time()
	return &until
}

// Pending tells whether a challenge may still unlock a session of a member: it is the last one that was asked for, was
// neither answered nor ended, and nothing it rested on has changed since. It may have expired.
func (x *Index) Pending(ws uuid.UUID, member string, challenge uuid.UUID) bool {
	s := x.spaces[ws]
	if s == nil {
		return false
	}
	m := s.members.live(member)
	return m != nil && s.challenges[m.Slot].ID == challenge && challenge != uuid.Nil
}

// Expired tells whether a secret of a workspace should have been replaced by a time. It has expired at its very expiry.
func (x *Index) Expired(ws, secret uuid.UUID, at time.Time) bool {
	ref, ok := x.secrets[secret]
	return ok && ref.space.id == ws && instantOf(at) >= ref.space.secrets[ref.slot].Expires
}

// HasSecret tells whether a secret is a workspace's.
func (x *Index) HasSecret(ws, id uuid.UUID) bool {
	ref, ok := x.secrets[id]
	return ok && ref.space.id == ws
}

// Destroyed tells whether the destruction of a workspace's secret was requested: nothing of it may be shown any more.
func (x *Index) Destroyed(ws, id uuid.UUID) bool {
	ref, ok := x.secrets[id]
	return ok && ref.space.id == ws && ref.space.secrets[ref.slot].Ended != 0
}

// HasTemplate tells whether a template is a workspace's.
func (x *Index) HasTemplate(ws, id uuid.UUID) bool {
	s, ok := x.templates[id]
	return ok && s.id == ws
}

// Footprint counts what the index holds, in all workspaces.
type Footprint struct {
	Workspaces, Members, Groups, Contacts, Tickets, Secrets, Templates, Keys int
}

// Footprint counts what is there now. It walks the workspaces, not what is in them.
func (x *Index) Footprint() Footprint {
	f := Footprint{Workspaces: len(x.spaces), Secrets: len(x.secrets), Templates: len(x.templates), Keys: len(x.keys)}
	for _, s := range x.spaces {
		f.Members += s.members.there
		f.Groups += s.groups.there
		f.Contacts += s.contacts.there
		f.Tickets += s.tickets.there
	}
	return f
}

func compareIDs(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }
