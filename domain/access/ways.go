package access

// way is one way in to a secret.
type way struct {
	via string

	grant *grant // of ViaAssignment
	group *group // through which it matched; of ticket_group rules too

	rule    *rule    // of ViaRule
	link    *tie     // from the secret to the ticket or contact it matched through
	ticket  *ticket  // it matched through
	contact *contact // it matched through

	tie *tie // from the group or contact to the member
}

// subject is who asks. Of member and key at most one is set; neither if nobody is known under the actor's name.
type subject struct {
	member      *member
	key         *key
	owner       bool
	permissions PermissionSet
}

var manage = permissionNumber("secrets.manage")

func (u *subject) manages() bool { return u.permissions&(1<<manage) != 0 }

// ways passes every way in to yield until it returns false, and tells whether it never did. The order is fixed: owner,
// permission, assignments from member to everyone, rules in the order added; the tickets and contacts of a rule in the order
// linked. Of the tickets of a contact and those of a category it passes the one known longest. Preconditions, such as that
// the member is active, are not looked at.
func (s *space) ways(sec *record, u *subject, yield func(way) bool) bool {
	if u.owner && !yield(way{via: ViaOwner}) {
		return false
	}
	if u.manages() && !u.owner && !yield(way{via: ViaPermission}) {
		return false
	}
	for i := range sec.Grants {
		if w, ok := s.throughGrant(&sec.Grants[i], u); ok && !yield(w) {
			return false
		}
	}
	if u.member == nil {
		return true
	}
	for i := range sec.Rules {
		if !s.throughRule(sec, &sec.Rules[i], u.member, yield) {
			return false
		}
	}
	return true
}

// throughGrant matches an assignment. One to everyone includes service accounts.
func (s *space) throughGrant(g *grant, u *subject) (way, bool) {
	w, m := way{via: ViaAssignment, grant: g}, u.member
	switch {
	case g.Kind == toEveryone:
		return w, true
	case m == nil:
		return way{}, false
	case g.Kind == toMember:
		return w, slot(g.Target) == m.Slot
	case g.Kind == toDivision:
		return w, name(g.Target) == m.Division
	}
	w.group = s.groups.at(slot(g.Target))
	if w.group != nil {
		w.tie = findTie(w.group.Members, m.Slot)
	}
	return w, w.tie != nil
}

func (s *space) throughRule(sec *record, r *rule, m *member, yield func(way) bool) bool {
	switch r.Kind {
	case ticketAssignee, ticketFollower, ticketCreator, ticketApprover, ticketGroup:
		return s.throughTickets(sec, r, m, yield)
	case contactOwner, contactTicketAssignee:
		return s.throughContacts(sec, r, m, yield)
	case categoryAssignee:
		if t := s.inCategory(r, m); t != nil {
			return yield(way{via: ViaRule, rule: r, ticket: t})
		}
	}
	return true
}

var rulePart = [...]part{ticketAssignee: assignee, ticketFollower: follower, ticketCreator: creator, ticketApprover: approver}

func (s *space) throughTickets(sec *record, r *rule, m *member, yield func(way) bool) bool {
	for i := range sec.Tickets {
		link := &sec.Tickets[i]
		t := s.tickets.at(link.To)
		if t == nil || !r.includes(t) {
			continue
		}
		w := way{via: ViaRule, rule: r, link: link, ticket: t}
		if s.hasPart(t, r.Kind, m, &w) && !yield(w) {
			return false
		}
	}
	return true
}

// includes tells whether the rule looks at a ticket in its state.
func (r *rule) includes(t *ticket) bool { return t.Open || !r.Open }

func (s *space) hasPart(t *ticket, kind ruleKind, m *member, w *way) bool {
	if kind != ticketGroup {
		return contains(t.of(rulePart[kind]), m.Slot)
	}
	for _, at := range t.of(teams) {
		if g := s.groups.at(at); g != nil {
			if w.tie = findTie(g.Members, m.Slot); w.tie != nil {
				w.group = g
				return true
			}
		}
	}
	return false
}

func (s *space) throughContacts(sec *record, r *rule, m *member, yield func(way) bool) bool {
	for i := range sec.Contacts {
		link := &sec.Contacts[i]
		c := s.contacts.at(link.To)
		if c == nil {
			continue
		}
		w := way{via: ViaRule, rule: r, link: link, contact: c}
		switch r.Kind {
		case contactOwner: // matches through no ticket, hence never while a ticket is open
			w.tie = findTie(c.Owners, m.Slot)
			if w.tie == nil || r.Open {
				continue
			}
		default:
			if w.ticket = s.ofContact(c, r, m); w.ticket == nil {
				continue
			}
		}
		if !yield(w) {
			return false
		}
	}
	return true
}

// ofContact finds the ticket known longest of those that are the contact's and the member is assigned to.
func (s *space) ofContact(c *contact, r *rule, m *member) *ticket {
	fewer, more := c.tickets, m.assigned
	if len(fewer) > len(more) {
		fewer, more = more, fewer
	}
	for _, at := range fewer {
		if t := s.tickets.at(at); t != nil && r.includes(t) && more.has(at) {
			return t
		}
	}
	return nil
}

// inCategory finds the ticket known longest of those in the rule's category that the member is assigned to.
func (s *space) inCategory(r *rule, m *member) *ticket {
	if r.Value == 0 {
		return nil
	}
	first := slot(0)
	if open := s.assigned[assignment{m.Slot, r.Value, true}]; len(open) > 0 {
		first = open[0]
	}
	if r.Open {
		return s.tickets.at(first)
	}
	if closed := s.assigned[assignment{m.Slot, r.Value, false}]; len(closed) > 0 && (first == 0 || closed[0] < first) {
		first = closed[0]
	}
	return s.tickets.at(first)
}

func contains(list []slot, v slot) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}
