package access

import (
	"bytes"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	events "github.com/kdesk/client-secrets/domain/member"
)

func (x *Index) applyMember(r domain.Recorded, stream uuid.UUID) error {
	id, ok := memberOf(r.Event)
	if !ok {
		return errUnknown
	}
	s := x.space(r.Meta.Workspace)
	if err := checkDirectory(r, domain.MemberKind, id, stream, s.members.stream(id)); err != nil {
		return err
	}
	m := s.members.live(id)
	if e, ok := r.Event.(events.Synced); ok {
		x.syncMember(s, m, stream, r, e)
		return nil
	}
	if m == nil {
		return nil
	}
	switch e := r.Event.(type) {
	case events.IdentityBound:
		x.bind(s, m, e.SubjectHash)
		s.lockMember(m)
	case events.IdentityUnbound:
		x.unbind(s, m)
		s.lockMember(m)
	case events.PermissionsChanged:
		m.change(e, s.markOf(r))
	case events.OwnershipChanged:
		m.Owner, m.Ownership = e.Owner, s.markOf(r)
	case events.Removed:
		x.removeMember(s, m)
	}
	return nil
}

// memberOf returns whom a member's event is about; false if it is no such event.
func memberOf(e domain.Event) (string, bool) {
	switch e := e.(type) {
	case events.Synced:
		return e.ID, true
	case events.Invited:
		return e.ID, true
	case events.InvitationEnded:
		return e.ID, true
	case events.IdentityBound:
		return e.ID, true
	case events.IdentityUnbound:
		return e.ID, true
	case events.PermissionsChanged:
		return e.ID, true
	case events.OwnershipChanged:
		return e.ID, true
	case events.OwnershipReliedOn:
		return e.ID, true
	case events.Removed:
		return e.ID, true
	case events.EraseRequested:
		return e.ID, true
	case events.Erased:
		return e.ID, true
	case events.DenialsSuppressed:
		return e.ID, true
	}
	return "", false
}

func (x *Index) syncMember(s *space, m *member, stream uuid.UUID, r domain.Recorded, e events.Synced) {
	if m != nil && m.Incarnation != incarnation(e.Incarnation) {
		x.removeMember(s, m)
		m = nil
	}
	if m == nil {
		m = s.members.expect(e.ID)
		s.members.arrive(m, stream, e.Incarnation)
	}
	if m.locks(e) {
		s.lockMember(m)
	}
	if m.moves(e) {
		m.Moved = instantOf(r.At)
	}
	m.Synced = s.markOf(r)
	m.Active = e.Active
	m.EmailHash = bytes.Clone(e.EmailHash)
	m.Division = s.names.put(e.Division)
}

func (m *member) change(e events.PermissionsChanged, by mark) {
	granted, revoked := NewPermissionSet(e.Granted...), NewPermissionSet(e.Revoked...)
	m.Permissions = m.Permissions&^revoked | granted
	if m.Changed == nil {
		m.Changed = new([16]mark)
	}
	for i := range permissions {
		if (granted|revoked)&(1<<i) != 0 {
			m.Changed[i] = by
		}
	}
}

// bind makes a sign-in the member's, in place of the one before. One that is another member's of the workspace stays that
// one's: whoever is first in the log has it, on every instance.
func (x *Index) bind(s *space, m *member, hash []byte) {
	x.unbind(s, m)
	if slices.ContainsFunc(x.identities[string(hash)], func(o memberRef) bool { return o.space == s }) {
		return
	}
	m.Identity = bytes.Clone(hash)
	x.identities[string(hash)] = append(x.identities[string(hash)], memberRef{s, m.Slot})
}

func (x *Index) unbind(s *space, m *member) {
	if m.Identity == nil {
		return
	}
	hash := string(m.Identity)
	m.Identity = nil
	left := slices.DeleteFunc(x.identities[hash], func(o memberRef) bool { return o == memberRef{s, m.Slot} })
	if len(left) == 0 {
		delete(x.identities, hash)
		return
	}
	x.identities[hash] = left
}

// removeMember ends an incarnation and everything that named it, save for tickets: those name its slot for nothing until
// they are synced again.
func (x *Index) removeMember(s *space, m *member) {
	x.unbind(s, m)
	s.lockMember(m)
	for _, at := range m.secrets {
		s.secrets[at].dropGrants(toMember, uint32(m.Slot))
	}
	for _, at := range m.groups {
		g := s.groups.known(at)
		g.Members = untie(g.Members, m.Slot)
	}
	for _, at := range m.contacts {
		c := s.contacts.known(at)
		c.Owners = untie(c.Owners, m.Slot)
	}
	for _, at := range m.assigned {
		t := s.tickets.known(at)
		delete(s.assigned, assignment{m.Slot, t.Category, t.Open})
	}
	s.members.remove(m)
}
