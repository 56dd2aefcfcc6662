package access

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	events "github.com/kdesk/client-secrets/domain/secret"
)

func (x *Index) applySecret(r domain.Recorded, id uuid.UUID) error {
	ref, known := x.secrets[id]
	if known && ref.space.id != r.Meta.Workspace {
		return errForeign
	}
	if e, ok := r.Event.(events.Created); ok {
		if !known {
			x.createSecret(r, id, e)
		}
		return nil
	}
	if !isSecretEvent(r.Event) {
		return errUnknown
	}
	if !known {
		return nil
	}
	sec := ref.space.secrets[ref.slot]
	switch _, ends := r.Event.(events.DestroyRequested); {
	case sec.Ended != 0: // for good
	case ends:
		ref.space.end(sec, factOf(r))
	default:
		ref.space.evolve(sec, r)
	}
	return nil
}

// end lets nobody in to a secret any more but those who manage all, and them to see no more than that it was there.
func (s *space) end(sec *record, by fact) {
	for _, g := range slices.Clone(sec.Grants) {
		sec.dropGrants(g.Kind, g.Target)
		s.assignedTo(g.Kind, g.Target, func(set *slots) { set.remove(sec.Slot) })
	}
	for _, r := range slices.Clone(sec.Rules) {
		s.removeRule(sec, r.ID)
	}
	for _, t := range slices.Clone(sec.Tickets) {
		s.unlinkTicket(sec, s.tickets.at(t.To))
	}
	for _, c := range slices.Clone(sec.Contacts) {
		s.unrelateContact(sec, s.contacts.at(c.To))
	}
	sec.Ended = by
}

func isSecretEvent(e domain.Event) bool {
	switch e.(type) {
	case events.Described, events.Activated, events.Deactivated, events.ExpirationSet, events.ExpirationCleared,
		events.TemplateUpgraded, events.HoldPlaced, events.HoldReleased, events.DestroyRequested, events.Destroyed, events.ValueSet, events.ValueCleared,
		events.FileAttached, events.FileRemoved, events.FileScanned, events.AccessGranted, events.AccessRevoked, events.RuleAdded,
		events.RuleRemoved, events.TicketLinked, events.TicketUnlinked, events.ContactRelated, events.ContactUnrelated:
		return true
	}
	return false
}

func (x *Index) createSecret(r domain.Recorded, id uuid.UUID, e events.Created) {
	s := x.space(r.Meta.Workspace)
	sec := &record{
		Slot:            slot(len(s.secrets)),
		ID:              id,
		Created:         factOf(r),
		Template:        e.Template,
		TemplateVersion: e.TemplateVersion,
		Expires:         instantOrNever(e.ExpiresAt),
	}
	s.secrets = append(s.secrets, sec)
	x.secrets[id] = secretRef{s, sec.Slot}
}

func (s *space) evolve(sec *record, r domain.Recorded) {
	switch e := r.Event.(type) {
	case events.Activated:
		sec.Inactive, sec.State = false, factOf(r)
	case events.Deactivated:
		sec.Inactive, sec.State = true, factOf(r)
	case events.ExpirationSet:
		sec.expire(&e.ExpiresAt, factOf(r))
	case events.ExpirationCleared:
		sec.expire(nil, factOf(r))
	case events.TemplateUpgraded:
		sec.TemplateVersion = e.To
	case events.ValueSet:
		sec.setValue(s.names.put(e.Field), e.ValueVersion, true, factOf(r))
	case events.ValueCleared:
		sec.setValue(s.names.put(e.Field), e.ValueVersion, false, factOf(r))
	case events.FileAttached:
		sec.setValue(s.names.put(e.Field), e.ValueVersion, true, factOf(r))
	case events.FileRemoved:
		sec.setValue(s.names.put(e.Field), e.ValueVersion, false, factOf(r))
	case events.AccessGranted:
		s.grant(sec, e, s.markOf(r))
	case events.AccessRevoked:
		s.revoke(sec, grantKinds[e.Kind], e.Target)
	case events.RuleAdded:
		s.addRule(sec, e, s.markOf(r))
	case events.RuleRemoved:
		s.removeRule(sec, e.RuleID)
	case events.TicketLinked:
		s.linkTicket(sec, s.tickets.named(e.Ticket, e.Incarnation), s.markOf(r))
	case events.TicketUnlinked:
		s.unlinkTicket(sec, s.tickets.live(e.Ticket))
	case events.ContactRelated:
		s.relateContact(sec, s.contacts.named(e.Contact, e.Incarnation), s.markOf(r))
	case events.ContactUnrelated:
		s.unrelateContact(sec, s.contacts.live(e.Contact))
	}
}

func (sec *record) expire(at *time.Time, by fact) {
	sec.Expires, sec.Expiration = instantOrNever(at), by
}

func (sec *record) field(key name) *field {
	for i := range sec.Fields {
		if sec.Fields[i].Key == key {
			return &sec.Fields[i]
		}
	}
	return nil
}

func (sec *record) setValue(key name, version int, set bool, by fact) {
	f := sec.field(key)
	if f == nil {
		sec.Fields = append(sec.Fields, field{Key: key})
		f = &sec.Fields[len(sec.Fields)-1]
	}
	f.Set, f.Version, f.Fact = set, uint32(version), by
	if !set {
		f.Cleared = append(f.Cleared, f.Version)
	}
}

// target finds what an assignment names; false if that is not there.
func (s *space) target(kind grantKind, id string, incarnation int) (uint32, bool) {
	switch kind {
	case toMember:
		if m := s.members.named(id, incarnation); m != nil {
			return uint32(m.Slot), true
		}
	case toGroup:
		if g := s.groups.named(id, incarnation); g != nil {
			return uint32(g.Slot), true
		}
	case toDivision:
		return uint32(s.names.put(id)), id != ""
	case toEveryone:
		return 0, id == events.AllTarget
	}
	return 0, false
}

// assignedTo lets do change the set of the secrets that are assigned to a target.
func (s *space) assignedTo(kind grantKind, target uint32, do func(*slots)) {
	switch kind {
	case toMember:
		do(&s.members.known(slot(target)).secrets)
	case toGroup:
		do(&s.groups.known(slot(target)).secrets)
	case toEveryone:
		do(&s.everyone)
	case toDivision:
		change(s.divisions, name(target), do)
	}
}

// change lets do change one of the sets of a map, which holds no empty ones.
func change[K comparable](sets map[K]slots, k K, do func(*slots)) {
	set := sets[k]
	do(&set)
	if len(set) == 0 {
		delete(sets, k)
		return
	}
	sets[k] = set
}

// grant enters an assignment, keeping the kinds in order and each kind in the order assigned. One that is there already is
// replaced, as are rules and relations: their latest fact counts.
func (s *space) grant(sec *record, e events.AccessGranted, by mark) {
	kind := grantKinds[e.Kind]
	to, ok := s.target(kind, e.Target, e.Incarnation)
	if !ok {
		return
	}
	sec.dropGrants(kind, to)
	at := len(sec.Grants)
	for at > 0 && sec.Grants[at-1].Kind > kind {
		at--
	}
	sec.Grants = slices.Insert(sec.Grants, at, grant{kind, to, by})
	s.assignedTo(kind, to, func(set *slots) { set.add(sec.Slot) })
}

func (s *space) revoke(sec *record, kind grantKind, target string) {
	to, ok := s.target(kind, target, 0)
	if !ok {
		return
	}
	sec.dropGrants(kind, to)
	s.assignedTo(kind, to, func(set *slots) { set.remove(sec.Slot) })
}

func (sec *record) dropGrants(kind grantKind, target uint32) {
	sec.Grants = slices.DeleteFunc(sec.Grants, func(g grant) bool { return g.Kind == kind && g.Target == target })
}

func (s *space) addRule(sec *record, e events.RuleAdded, by mark) {
	s.removeRule(sec, e.RuleID)
	added := rule{
		ID:    e.RuleID,
		Kind:  ruleKind(max(0, slices.Index(ruleKinds[:], e.Kind))),
		Value: s.names.put(e.Value),
		Open:  e.While != events.Always && e.While != "",
		Mark:  by,
	}
	sec.Rules = append(sec.Rules, added)
	s.indexRule(sec, added)
}

func (s *space) indexRule(sec *record, r rule) {
	if r.Kind == categoryAssignee {
		change(s.categories, r.Value, func(set *slots) { set.add(sec.Slot) })
	}
}

func (s *space) removeRule(sec *record, id uuid.UUID) {
	at := slices.IndexFunc(sec.Rules, func(r rule) bool { return r.ID == id })
	if at < 0 {
		return
	}
	removed := sec.Rules[at]
	sec.Rules = slices.Delete(sec.Rules, at, at+1)
	change(s.categories, removed.Value, func(set *slots) { set.remove(sec.Slot) })
	for _, r := range sec.Rules {
		s.indexRule(sec, r)
	}
}

func (s *space) linkTicket(sec *record, t *ticket, by mark) {
	if t == nil {
		return
	}
	sec.Tickets = append(dropTie(sec.Tickets, t.Slot), tie{t.Slot, by})
	t.secrets.add(sec.Slot)
	if len(t.secrets) == 1 {
		s.indexLinked(t)
	}
}

func (s *space) unlinkTicket(sec *record, t *ticket) {
	if t == nil || !t.secrets.has(sec.Slot) {
		return
	}
	sec.Tickets = dropTie(sec.Tickets, t.Slot)
	if len(t.secrets) == 1 {
		s.unindexLinked(t)
	}
	t.secrets.remove(sec.Slot)
}

func (s *space) relateContact(sec *record, c *contact, by mark) {
	if c == nil {
		return
	}
	sec.Contacts = append(dropTie(sec.Contacts, c.Slot), tie{c.Slot, by})
	c.secrets.add(sec.Slot)
}

func (s *space) unrelateContact(sec *record, c *contact) {
	if c == nil {
		return
	}
	sec.Contacts = dropTie(sec.Contacts, c.Slot)
	c.secrets.remove(sec.Slot)
}
