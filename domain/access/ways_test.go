package access_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kdesk/client-secrets/domain"
	. "github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/ticket"
)

const (
	t1   = "desk:t1"
	t2   = "desk:t2"
	t3   = "desk:t3"
	acme = "desk:acme"
	crew = "desk:crew"
)

var theRule = id("rule")

func rule(kind secret.RuleKind, value string, while secret.While) secret.RuleAdded {
	return secret.RuleAdded{RuleID: theRule, Kind: kind, Value: value, While: while}
}

func to(kind secret.AssignmentKind, target string) secret.AccessGranted {
	return secret.AccessGranted{Kind: kind, Target: target}
}

func linked(t string) secret.TicketLinked { return secret.TicketLinked{Ticket: t} }

func related(c string) secret.ContactRelated { return secret.ContactRelated{Contact: c} }

// open returns a ticket that is being worked on.
func open(id string, more func(*ticket.Synced)) ticket.Synced {
	e := ticket.Synced{ID: id, Incarnation: 1, Status: ticket.Open}
	if more != nil {
		more(&e)
	}
	return e
}

func closed(e ticket.Synced) ticket.Synced {
	e.Status = ticket.Closed
	return e
}

func assignedTo(who ...string) func(*ticket.Synced) {
	return func(e *ticket.Synced) { e.Assignees = who }
}

func customer(owners ...string) contact.Synced {
	return contact.Synced{ID: acme, Incarnation: 1, OwnersAdded: owners}
}

func team(members ...string) group.Synced {
	return group.Synced{ID: crew, Incarnation: 1, Added: members}
}

// lines records events of the secret and others in the order given.
func lines(events ...domain.Event) func(*history) {
	return func(h *history) {
		for _, e := range events {
			h.record(theSecret, e)
		}
	}
}

func TestAssignmentsLetIn(t *testing.T) {
	inSales := member.Synced{ID: ann, Incarnation: 1, Active: true, Division: "sales"}
	for _, q := range []question{
		{name: "a member assigned", given: lines(to(secret.ToMember, ann)), via: ViaAssignment},
		{name: "not another member", given: lines(to(secret.ToMember, manager)), code: CodeNoGrant},
		{name: "a member of a group assigned", given: lines(team(ann), to(secret.ToGroup, crew)), via: ViaAssignment},
		{name: "one who joins later", given: lines(team(), to(secret.ToGroup, crew), team(ann)), via: ViaAssignment},
		{name: "not who left it", given: lines(team(ann), to(secret.ToGroup, crew), group.Synced{ID: crew, Incarnation: 1, Removed: []string{ann}}), code: CodeNoGrant},
		{name: "not of another group", given: lines(team(ann), group.Synced{ID: "desk:other", Incarnation: 1}, to(secret.ToGroup, "desk:other")), code: CodeNoGrant},
		{name: "somebody of the division", given: lines(inSales, to(secret.ToDivision, "sales")), via: ViaAssignment},
		{name: "who moves in later", given: lines(to(secret.ToDivision, "sales"), inSales), via: ViaAssignment},
		{name: "not who left it", given: lines(inSales, to(secret.ToDivision, "sales"), staff(ann)), code: CodeNoGrant},
		{name: "nobody through no division", given: lines(to(secret.ToDivision, "")), code: CodeNoGrant},
		{name: "everyone", given: lines(everyone), via: ViaAssignment},
		{name: "no everyone but all", given: lines(to(secret.ToEveryone, "most")), code: CodeNoGrant},
		{name: "no kind that is not known", given: lines(to("moon", ann)), code: CodeNoGrant},
		{name: "not once revoked", given: lines(to(secret.ToMember, ann), secret.AccessRevoked{Kind: secret.ToMember, Target: ann}), code: CodeNoGrant},
		{name: "not a member assigned before the directory knew him", who: "desk:new", code: CodeNoGrant,
			given: lines(to(secret.ToMember, "desk:new"), staff("desk:new"), permit("desk:new", domain.SecretsReveal))},
	} {
		t.Run(q.name, q.run)
	}
}

func TestRulesLetIn(t *testing.T) {
	always := func(kind secret.RuleKind) secret.RuleAdded { return rule(kind, "", secret.Always) }
	whileOpen := func(kind secret.RuleKind) secret.RuleAdded { return rule(kind, "", secret.TicketOpen) }
	assigned := open(t1, assignedTo(ann))
	ofAcme := open(t1, func(e *ticket.Synced) { e.Assignees, e.Contact = []string{ann}, acme })
	alsoOfAcme := open(t1, func(e *ticket.Synced) { e.Assignees, e.Contacts = []string{ann}, []string{"desk:x", acme} })
	billing := open(t1, func(e *ticket.Synced) { e.Assignees, e.Category = []string{ann}, "billing" })
	for _, q := range []question{
		{name: "ticket_assignee: the assignee of a linked ticket", given: lines(assigned, linked(t1), always(secret.TicketAssignee)), via: ViaRule},
		{name: "ticket_assignee: whoever becomes it later", given: lines(open(t1, nil), linked(t1), always(secret.TicketAssignee), assigned)},
		{name: "ticket_assignee: not who was", given: lines(assigned, linked(t1), always(secret.TicketAssignee), open(t1, assignedTo(manager))), code: CodeNoGrant},
		{name: "ticket_assignee: not of a ticket that is not linked", given: lines(assigned, always(secret.TicketAssignee)), code: CodeNoGrant},
		{name: "ticket_assignee: not once unlinked", given: lines(assigned, linked(t1), always(secret.TicketAssignee), secret.TicketUnlinked{Ticket: t1}), code: CodeNoGrant},
		{name: "ticket_assignee: not a follower", given: lines(open(t1, func(e *ticket.Synced) { e.Followers = []string{ann} }), linked(t1), always(secret.TicketAssignee)), code: CodeNoGrant},
		{name: "ticket_assignee: also of a closed ticket", given: lines(closed(assigned), linked(t1), always(secret.TicketAssignee))},
		{name: "ticket_assignee while open: not of a closed one", given: lines(closed(assigned), linked(t1), whileOpen(secret.TicketAssignee)), code: CodeNoGrant},
		{name: "ticket_assignee while open: again when it reopens", given: lines(closed(assigned), linked(t1), whileOpen(secret.TicketAssignee), assigned)},
		{name: "ticket_assignee while open: of another that is open", given: lines(closed(assigned), linked(t1), open(t2, assignedTo(ann)), linked(t2), whileOpen(secret.TicketAssignee))},
		{name: "a removed ticket lets nobody in", given: lines(assigned, linked(t1), always(secret.TicketAssignee), ticket.Removed{ID: t1}), code: CodeNoGrant},
		{name: "a removed rule lets nobody in", given: lines(assigned, linked(t1), always(secret.TicketAssignee), secret.RuleRemoved{RuleID: theRule}), code: CodeNoGrant},
		{name: "a kind that is not known lets nobody in", given: lines(assigned, linked(t1), always("astrology")), code: CodeNoGrant},
		{name: "a rule lets no service account in", given: func(h *history) {
			lines(assigned, linked(t1), always(secret.TicketAssignee))(h)
			h.say(service(domain.SecretsReveal))
		}, ask: asService, code: CodeNoGrant},

		{name: "ticket_follower: a follower", given: lines(open(t1, func(e *ticket.Synced) { e.Followers = []string{manager, ann} }), linked(t1), always(secret.TicketFollower))},
		{name: "ticket_follower: not the assignee", given: lines(assigned, linked(t1), always(secret.TicketFollower)), code: CodeNoGrant},
		{name: "ticket_creator: who created it", given: lines(open(t1, func(e *ticket.Synced) { e.CreatedBy = ann }), linked(t1), always(secret.TicketCreator))},
		{name: "ticket_creator: nobody else", given: lines(assigned, linked(t1), always(secret.TicketCreator)), code: CodeNoGrant},
		{name: "ticket_approver: an approver", given: lines(open(t1, func(e *ticket.Synced) { e.Approvers = []string{ann} }), linked(t1), always(secret.TicketApprover))},
		{name: "ticket_approver: nobody else", given: lines(assigned, linked(t1), always(secret.TicketApprover)), code: CodeNoGrant},
		{name: "ticket_group: a member of one of its groups", given: lines(team(ann), open(t1, func(e *ticket.Synced) { e.Groups = []string{"desk:no", crew} }), linked(t1), always(secret.TicketGroup))},
		{name: "ticket_group: also when the group comes later", given: lines(open(t1, func(e *ticket.Synced) { e.Groups = []string{crew} }), linked(t1), always(secret.TicketGroup), team(ann))},
		{name: "ticket_group: not who left", given: lines(team(ann), open(t1, func(e *ticket.Synced) { e.Groups = []string{crew} }), linked(t1), always(secret.TicketGroup), group.Synced{ID: crew, Incarnation: 1, Removed: []string{ann}}), code: CodeNoGrant},
		{name: "ticket_group: not of a removed group", given: lines(team(ann), open(t1, func(e *ticket.Synced) { e.Groups = []string{crew} }), linked(t1), always(secret.TicketGroup), group.Removed{ID: crew}), code: CodeNoGrant},
		{name: "ticket_group: not the assignee", given: lines(team(), open(t1, func(e *ticket.Synced) { e.Groups, e.Assignees = []string{crew}, []string{ann} }), linked(t1), always(secret.TicketGroup)), code: CodeNoGrant},

		{name: "contact_owner: an owner of a related contact", given: lines(customer(ann), related(acme), always(secret.ContactOwner))},
		{name: "contact_owner: not of one that is not related", given: lines(customer(ann), always(secret.ContactOwner)), code: CodeNoGrant},
		{name: "contact_owner: not once unrelated", given: lines(customer(ann), related(acme), always(secret.ContactOwner), secret.ContactUnrelated{Contact: acme}), code: CodeNoGrant},
		{name: "contact_owner: not who was", given: lines(customer(ann), related(acme), always(secret.ContactOwner), contact.Synced{ID: acme, Incarnation: 1, OwnersRemoved: []string{ann}}), code: CodeNoGrant},
		{name: "contact_owner: not of a removed contact", given: lines(customer(ann), related(acme), always(secret.ContactOwner), contact.Removed{ID: acme}), code: CodeNoGrant},
		{name: "contact_owner while open: never, for want of a ticket", given: lines(customer(ann), ofAcme, linked(t1), related(acme), whileOpen(secret.ContactOwner)), code: CodeNoGrant},

		{name: "contact_ticket_assignee: the assignee of a ticket of the contact", given: lines(customer(), ofAcme, related(acme), always(secret.ContactTicketAssignee))},
		{name: "contact_ticket_assignee: also of one that the ticket names among others", given: lines(customer(), alsoOfAcme, related(acme), always(secret.ContactTicketAssignee))},
		{name: "contact_ticket_assignee: also when the contact comes after the ticket", given: lines(ofAcme, customer(), related(acme), always(secret.ContactTicketAssignee))},
		{name: "contact_ticket_assignee: not of a closed one while open", given: lines(customer(), closed(ofAcme), related(acme), whileOpen(secret.ContactTicketAssignee)), code: CodeNoGrant},
		{name: "contact_ticket_assignee: not of a ticket of somebody else", given: lines(customer(), assigned, related(acme), always(secret.ContactTicketAssignee)), code: CodeNoGrant},
		{name: "contact_ticket_assignee: not the contact's owner", given: lines(customer(ann), related(acme), always(secret.ContactTicketAssignee)), code: CodeNoGrant},
		{name: "contact_ticket_assignee: not of a removed ticket", given: lines(customer(), ofAcme, related(acme), always(secret.ContactTicketAssignee), ticket.Removed{ID: t1}), code: CodeNoGrant},

		{name: "category_assignee: the assignee of a ticket in the category", given: lines(billing, rule(secret.CategoryAssignee, "billing", secret.Always))},
		{name: "category_assignee: not in another category", given: lines(billing, rule(secret.CategoryAssignee, "sales", secret.Always)), code: CodeNoGrant},
		{name: "category_assignee: no category is none", given: lines(assigned, rule(secret.CategoryAssignee, "", secret.Always)), code: CodeNoGrant},
		{name: "category_assignee: not once it moves", given: lines(billing, rule(secret.CategoryAssignee, "billing", secret.Always), assigned), code: CodeNoGrant},
		{name: "category_assignee: of a closed one too", given: lines(closed(billing), rule(secret.CategoryAssignee, "billing", secret.Always))},
		{name: "category_assignee while open: not", given: lines(closed(billing), rule(secret.CategoryAssignee, "billing", secret.TicketOpen)), code: CodeNoGrant},
		{name: "category_assignee while open: until it closes", given: lines(billing, rule(secret.CategoryAssignee, "billing", secret.TicketOpen))},
		{name: "category_assignee: not once removed", given: lines(billing, rule(secret.CategoryAssignee, "billing", secret.Always), ticket.Removed{ID: t1}), code: CodeNoGrant},
	} {
		t.Run(q.name, q.run)
	}
}

// back removes the member and lets her return with permissions.
func back() []domain.Event {
	returned := staff(ann)
	returned.Incarnation = 2
	return []domain.Event{member.Removed{ID: ann}, returned, permit(ann, domain.SecretsView, domain.SecretsReveal)}
}

func TestWhatReturnsInheritsNothing(t *testing.T) {
	returns := func(before []domain.Event, more ...domain.Event) func(*history) {
		return lines(append(append(before, back()...), more...)...)
	}
	events := func(e ...domain.Event) []domain.Event { return e }
	again := func(e ticket.Synced) ticket.Synced { e.Incarnation++; return e }
	assigned := open(t1, assignedTo(ann))
	always := rule(secret.TicketAssignee, "", secret.Always)
	acmeAgain := customer(ann)
	acmeAgain.Incarnation = 2
	crewAgain := team(ann)
	crewAgain.Incarnation = 2
	second := staff(ann)
	second.Incarnation = 2
	for _, q := range []question{
		{name: "a member has no permissions", given: lines(everyone, member.Removed{ID: ann}, second), code: CodePermissionMissing},
		{name: "nor those given while away", given: lines(everyone, member.Removed{ID: ann}, permit(ann, domain.SecretsReveal), second), code: CodePermissionMissing},
		{name: "nor without a removal that was recorded", given: lines(everyone, second), code: CodePermissionMissing},
		{name: "an owner is none", who: olga, given: lines(member.Removed{ID: olga}, member.Synced{ID: olga, Incarnation: 2, Active: true}), code: CodePermissionMissing},
		{name: "a member has no assignment", given: returns(events(to(secret.ToMember, ann))), code: CodeNoGrant},
		{name: "but a new one counts", given: returns(events(to(secret.ToMember, ann)), secret.AccessGranted{Kind: secret.ToMember, Target: ann, Incarnation: 2})},
		{name: "not one that names the old incarnation", given: returns(nil, secret.AccessGranted{Kind: secret.ToMember, Target: ann, Incarnation: 1}), code: CodeNoGrant},
		{name: "a member is in no group", given: returns(events(team(ann), to(secret.ToGroup, crew))), code: CodeNoGrant},
		{name: "until added again", given: returns(events(team(ann), to(secret.ToGroup, crew)), team(ann))},
		{name: "a member owns no contact", given: returns(events(customer(ann), related(acme), rule(secret.ContactOwner, "", secret.Always))), code: CodeNoGrant},
		{name: "a member has no ticket", given: returns(events(assigned, linked(t1), always)), code: CodeNoGrant},
		{name: "until the ticket is synced again", given: returns(events(assigned, linked(t1), always), assigned)},
		{name: "what the directory said while the member was away counts", given: lines(assigned, linked(t1), always, member.Removed{ID: ann}, assigned, second, permit(ann, domain.SecretsReveal))},
		{name: "a ticket has no links", given: lines(assigned, linked(t1), always, ticket.Removed{ID: t1}, again(assigned)), code: CodeNoGrant},
		{name: "but a new one counts", given: lines(assigned, linked(t1), always, ticket.Removed{ID: t1}, again(assigned), secret.TicketLinked{Ticket: t1, Incarnation: 2})},
		{name: "not one to the old incarnation", given: lines(assigned, always, ticket.Removed{ID: t1}, again(assigned), secret.TicketLinked{Ticket: t1, Incarnation: 1}), code: CodeNoGrant},
		{name: "nor one made while it was away", given: lines(assigned, always, ticket.Removed{ID: t1}, linked(t1), again(assigned)), code: CodeNoGrant},
		{name: "a contact has no relations", given: lines(customer(ann), related(acme), rule(secret.ContactOwner, "", secret.Always), contact.Removed{ID: acme}, acmeAgain), code: CodeNoGrant},
		{name: "a contact has no tickets", code: CodeNoGrant,
			given: lines(customer(), open(t1, func(e *ticket.Synced) { e.Assignees, e.Contact = []string{ann}, acme }), rule(secret.ContactTicketAssignee, "", secret.Always),
				contact.Removed{ID: acme}, contact.Synced{ID: acme, Incarnation: 2}, related(acme))},
		{name: "a contact has no owners", code: CodeNoGrant,
			given: lines(customer(ann), rule(secret.ContactOwner, "", secret.Always), contact.Removed{ID: acme}, contact.Synced{ID: acme, Incarnation: 2}, related(acme))},
		{name: "a group has no assignments", given: lines(team(ann), to(secret.ToGroup, crew), group.Removed{ID: crew}, crewAgain), code: CodeNoGrant},
		{name: "a group has no members", given: lines(team(ann), group.Removed{ID: crew}, group.Synced{ID: crew, Incarnation: 2}, to(secret.ToGroup, crew)), code: CodeNoGrant},
		{name: "a group has no tickets", code: CodeNoGrant,
			given: lines(team(ann), open(t1, func(e *ticket.Synced) { e.Groups = []string{crew} }), linked(t1), rule(secret.TicketGroup, "", secret.Always), group.Removed{ID: crew}, crewAgain)},
	} {
		t.Run(q.name, q.run)
	}
}

func TestTheExplanationNamesTheDecisiveFacts(t *testing.T) {
	h := usual(t)
	h.say(team(manager))
	h.cite("team", h.say(team(ann)))
	h.cite("contact", h.say(customer(ann)))
	h.cite("ticket", h.say(open(t1, func(e *ticket.Synced) {
		e.Assignees, e.Contact, e.Category, e.Groups = []string{ann}, acme, "billing", []string{crew}
	})))
	h.cite("link", h.of(linked(t1)))
	h.cite("relation", h.of(related(acme)))
	always := func(kind secret.RuleKind, value string) domain.Event { return rule(kind, value, secret.Always) }
	for _, c := range []struct {
		fact   domain.Event
		who    string
		want   domain.Decision
		beside []string // facts that only this way in rests on
	}{
		{to(secret.ToMember, ann), ann, domain.Decision{Via: ViaAssignment, Kind: "member", Target: ann}, []string{"fact"}},
		{to(secret.ToGroup, crew), ann, domain.Decision{Via: ViaAssignment, Kind: "group", Target: crew}, []string{"fact", "team"}},
		{everyone, ann, domain.Decision{Via: ViaAssignment, Kind: "everyone", Target: "all"}, []string{"fact"}},
		{always(secret.TicketAssignee, ""), ann, domain.Decision{Via: ViaRule, Kind: "ticket_assignee", Ticket: t1}, []string{"fact", "link", "ticket"}},
		{always(secret.TicketGroup, ""), ann, domain.Decision{Via: ViaRule, Kind: "ticket_group", Ticket: t1}, []string{"fact", "link", "ticket", "team"}},
		{always(secret.ContactOwner, ""), ann, domain.Decision{Via: ViaRule, Kind: "contact_owner", Contact: acme}, []string{"fact", "relation", "contact"}},
		{always(secret.ContactTicketAssignee, ""), ann, domain.Decision{Via: ViaRule, Kind: "contact_ticket_assignee", Ticket: t1, Contact: acme}, []string{"fact", "relation", "ticket", "contact"}},
		{always(secret.CategoryAssignee, "billing"), ann, domain.Decision{Via: ViaRule, Kind: "category_assignee", Ticket: t1}, []string{"fact", "ticket"}},
		{secret.Activated{}, manager, domain.Decision{Via: ViaPermission}, []string{"manage"}},
		{secret.Activated{}, olga, domain.Decision{Via: ViaOwner}, []string{"ownership"}},
	} {
		h.of(secret.Deactivated{})
		h.cite("active", h.of(secret.Activated{}))
		h.cite("fact", h.of(c.fact))
		if _, again := c.fact.(secret.Activated); again {
			h.cite("active", h.cited["fact"])
		}
		d := h.x.Decide(h.ask(Reveal, c.who))
		got := d
		got.Evidence, c.want.Allowed, c.want.PolicyVersion = nil, true, PolicyVersion
		if c.want.Via == ViaRule {
			c.want.Rule = theRule.String()
		}
		assert.Equal(t, c.want, got)
		always := []string{"settings", "created", "active", "value"}
		if c.who == ann {
			always = append(always, "ann", "permission")
		}
		for _, name := range append(always, c.beside...) {
			assert.Contains(t, d.Evidence, h.cited[name], "%s of %v", name, c.want)
		}
		if c.who == ann {
			assert.Len(t, d.Evidence, len(always)+len(c.beside), "%v", c.want)
		}
		switch e := c.fact.(type) {
		case secret.AccessGranted:
			h.of(secret.AccessRevoked{Kind: e.Kind, Target: e.Target})
		case secret.RuleAdded:
			h.of(secret.RuleRemoved{RuleID: theRule})
		}
	}
}

func TestOfSeveralWaysInTheMostParticularExplains(t *testing.T) {
	h := usual(t)
	h.say(team(ann), member.Synced{ID: ann, Incarnation: 1, Active: true, Division: "sales"})
	h.say(open(t1, assignedTo(ann)), open(t2, assignedTo(ann)))
	h.of(rule(secret.TicketAssignee, "", secret.Always), linked(t2), linked(t1), everyone, to(secret.ToDivision, "sales"), to(secret.ToGroup, crew), to(secret.ToMember, ann))
	via := func() string { d := h.x.Decide(h.ask(View, ann)); return d.Via + " " + d.Kind + " " + d.Ticket }
	assert.Equal(t, "assignment member ", via())
	ways := h.x.Ways(h.ws, theSecret, domain.Actor{Kind: domain.Member, ID: ann}, noon)
	var kinds []string
	for _, w := range ways {
		kinds = append(kinds, w.Kind+w.Ticket)
	}
	assert.Equal(t, []string{"member", "group", "division", "everyone", "ticket_assignee" + t2, "ticket_assignee" + t1}, kinds)
	for _, step := range []struct {
		kind, target, then string
	}{{"member", ann, "assignment group "}, {"group", crew, "assignment division "}, {"division", "sales", "assignment everyone "}, {"everyone", "all", "rule ticket_assignee " + t2}} {
		h.of(secret.AccessRevoked{Kind: secret.AssignmentKind(step.kind), Target: step.target})
		assert.Equal(t, step.then, via())
	}
	h.say(permit(ann, domain.SecretsManage))
	assert.Equal(t, "permission  ", via())
	h.say(member.OwnershipChanged{ID: ann, Owner: true})
	assert.Equal(t, "owner  ", via())
}

func TestFlags(t *testing.T) {
	h := usual(t)
	flags := func(r Request) []string { _, f := h.x.Review(r); return f }
	h.of(everyone)
	assert.Empty(t, flags(h.ask(Reveal, ann)))

	h.by = domain.Actor{Kind: domain.Member, ID: ann}
	h.of(to(secret.ToMember, ann))
	assert.Equal(t, []string{reveal.FlagSelfGranted}, flags(h.ask(Reveal, ann)))
	h.of(secret.AccessRevoked{Kind: secret.ToMember, Target: ann})
	h.say(open(t1, assignedTo(ann)))
	h.by = domain.Actor{Kind: domain.Member, ID: manager}
	h.of(linked(t1), rule(secret.TicketAssignee, "", secret.Always), secret.AccessRevoked{Kind: secret.ToEveryone, Target: "all"})
	assert.Equal(t, []string{reveal.FlagSelfGranted}, flags(h.ask(Reveal, ann)), "she made herself the ticket's assignee")
	h.say(open(t1, assignedTo(ann)))
	assert.Empty(t, flags(h.ask(Reveal, ann)))

	h.of(secret.ValueSet{Field: "password", ValueVersion: 2}, secret.ExpirationSet{ExpiresAt: noon})
	r := h.ask(Reveal, olga)
	r.ValueVersion, r.ConfirmExpired = 1, true
	assert.Equal(t, []string{reveal.FlagExpired, reveal.FlagOlderVersion}, flags(r))
	h.of(everyone, secret.ExpirationCleared{})
	h.say(service(domain.SecretsReveal))
	r = h.ask(Reveal, ann)
	asService(&r)
	assert.Equal(t, []string{reveal.FlagService}, flags(r))
}

func TestOfSeveralTicketsTheOneKnownLongestExplains(t *testing.T) {
	inBilling := func(e *ticket.Synced) { e.Assignees, e.Category, e.Contact = []string{ann}, "billing", acme }
	for _, c := range []struct {
		rule domain.Event
		want string
	}{
		{rule(secret.CategoryAssignee, "billing", secret.Always), t1},
		{rule(secret.CategoryAssignee, "billing", secret.TicketOpen), t3},
		{rule(secret.ContactTicketAssignee, "", secret.Always), t1},
		{rule(secret.ContactTicketAssignee, "", secret.TicketOpen), t3},
	} {
		h := usual(t)
		h.say(customer(), open(t1, inBilling), open(t3, nil), open(t2, inBilling), open(t3, inBilling), closed(open(t1, inBilling)))
		h.of(related(acme), c.rule)
		assert.Equal(t, c.want, h.x.Decide(h.ask(View, ann)).Ticket)
		h.say(ticket.Removed{ID: t1})
		assert.Equal(t, t3, h.x.Decide(h.ask(View, ann)).Ticket, "known before t2, though assigned after it")
	}
}
