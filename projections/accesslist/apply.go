package accesslist

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Roles beside those that are kinds of rules and names of permissions.
const (
	roleExists    = "exists"   // of members, contacts and tickets with their incarnation; of secrets without
	roleActive    = "active"   // of a member
	roleIssued    = "issued"   // of a service account
	roleOwner     = "owner"    // of a member; of a contact, with the member who owns it
	roleDivision  = "division" // of a member
	roleMember    = "member"   // of a group
	roleAssignee  = "assignee" // of a ticket, as the next five
	roleFollower  = "follower"
	roleCreator   = "creator"
	roleApprover  = "approver"
	roleTeam      = "team"    // its groups
	roleConcerns  = "contact" // its contacts
	roleCategory  = "category"
	roleOpen      = "open"
	roleTicket    = "linked_ticket"   // of a secret
	roleContact   = "related_contact" // of a secret
	roleAssigned  = "assigned"        // of a secret: to a member, group or division, or to "everyone/all"
	serviceKind   = "service"
	divisionKind  = "division"
	categoryKind  = "category"
	incarnationOf = "incarnation"
)

var roleManage = string(domain.SecretsManage)

func name(kind, id string) string { return kind + "/" + id }

// needs is what must be loaded before a batch can be applied.
type needs struct {
	subjects nodes // that the batch is about and did not start
	ended    nodes // that facts may name which end
}

func needsOf(events []domain.Recorded) needs {
	n := needs{subjects: nodes{}, ended: nodes{}}
	started := nodes{}
	for _, e := range events {
		subject, incarnation, ok := subjectOf(e)
		if !ok {
			continue
		}
		if e.Revision == 0 {
			started[subject] = struct{}{}
		}
		if _, ok := started[subject]; !ok || incarnation != 1 {
			n.subjects[subject] = struct{}{}
		}
		if incarnation != 1 {
			n.ended[subject] = struct{}{}
		}
	}
	return n
}

// subjectOf returns whom an event is about and in which incarnation: 0 if that ends, 1 also for what has none.
func subjectOf(e domain.Recorded) (node, int, bool) {
	of := func(kind, id string, incarnation int) (node, int, bool) {
		return node{e.Meta.Workspace, name(kind, id)}, incarnation, true
	}
	switch v := e.Event.(type) {
	case workspace.APIKeyIssued:
		return of(serviceKind, v.KeyID.String(), 1)
	case workspace.APIKeyRevoked:
		return of(serviceKind, v.KeyID.String(), 0)
	case member.Synced:
		return of(domain.MemberKind, v.ID, max(v.Incarnation, 1))
	case member.PermissionsChanged:
		return of(domain.MemberKind, v.ID, 1)
	case member.OwnershipChanged:
		return of(domain.MemberKind, v.ID, 1)
	case member.Removed:
		return of(domain.MemberKind, v.ID, 0)
	case group.Synced:
		return of(domain.GroupKind, v.ID, max(v.Incarnation, 1))
	case group.Removed:
		return of(domain.GroupKind, v.ID, 0)
	case contact.Synced:
		return of(domain.ContactKind, v.ID, max(v.Incarnation, 1))
	case contact.Removed:
		return of(domain.ContactKind, v.ID, 0)
	case ticket.Synced:
		return of(domain.TicketKind, v.ID, max(v.Incarnation, 1))
	case ticket.Removed:
		return of(domain.TicketKind, v.ID, 0)
	}
	if domain.StreamKind(e.Stream) == domain.SecretKind {
		id, err := domain.StreamID(e.Stream)
		return node{e.Meta.Workspace, name(domain.SecretKind, id.String())}, 1, err == nil
	}
	return node{}, 0, false
}

// apply folds one event. Events that no access follows from are ignored.
func (f *fold) apply(e domain.Recorded) error {
	subject, incarnation, ok := subjectOf(e)
	if !ok {
		return nil
	}
	p := int64(e.Position)
	if p <= 0 {
		return fmt.Errorf("position %d is out of bounds", e.Position)
	}
	if incarnation == 0 {
		f.remove(subject, p)
		return nil
	}
	at := at{f, subject, p}
	switch v := e.Event.(type) {
	case workspace.APIKeyIssued:
		at.begin(roleIssued, "")
		at.set(roleManage, slices.Contains(v.Permissions, domain.SecretsManage))
	case member.Synced:
		at.exists(incarnation)
		at.set(roleActive, v.Active)
		at.only(roleDivision, divisionKind, v.Division)
	case member.PermissionsChanged:
		at.changePermissions(v)
	case member.OwnershipChanged:
		at.set(roleOwner, v.Owner && at.isThere())
	case group.Synced:
		at.exists(incarnation)
		at.change(roleMember, v.Added, v.Removed)
	case contact.Synced:
		at.exists(incarnation)
		at.change(roleOwner, v.OwnersAdded, v.OwnersRemoved)
	case ticket.Synced:
		at.exists(incarnation)
		f.become(subject, factsOf(subject, v), p)
	default:
		at.secret(e.Event)
	}
	return nil
}

// at is where an event acts: on a subject, from a position on.
type at struct {
	fold     *fold
	subject  node
	position int64
}

func (a at) fact(role, value string) fact {
	return fact{workspace: a.subject.workspace, subject: a.subject.name, role: role, value: value}
}

func (a at) begin(role, value string) { a.fold.begin(a.fact(role, value), a.position) }

func (a at) end(role, value string) { a.fold.end(a.fact(role, value), a.position) }

func (a at) set(role string, holds bool) {
	if holds {
		a.begin(role, "")
	} else {
		a.end(role, "")
	}
}

// only makes id the one value of a role; none if it is empty.
func (a at) only(role, kind, id string) {
	for _, v := range a.fold.of(a.subject) {
		if v.role == role && v.value != name(kind, id) {
			a.fold.end(v, a.position)
		}
	}
	if id != "" {
		a.begin(role, name(kind, id))
	}
}

func (a at) change(role string, added, removed []string) {
	for _, m := range removed {
		a.end(role, name(domain.MemberKind, m))
	}
	for _, m := range added {
		a.begin(role, name(domain.MemberKind, m))
	}
}

// exists notes an incarnation. It ends all that held of the one before, should its removal not have been told.
func (a at) exists(incarnation int) {
	here := a.fact(roleExists, name(incarnationOf, strconv.Itoa(incarnation)))
	for _, v := range a.fold.of(a.subject) {
		if v.role == roleExists && v != here {
			a.fold.remove(a.subject, a.position)
			break
		}
	}
	a.fold.begin(here, a.position)
}

func (a at) changePermissions(v member.PermissionsChanged) {
	switch {
	case slices.Contains(v.Granted, domain.SecretsManage):
		a.set(roleManage, a.isThere())
	case slices.Contains(v.Revoked, domain.SecretsManage):
		a.end(roleManage, "")
	}
}

// isThere tells whether the directory has the subject now: what else is said of one that it has not is void.
func (a at) isThere() bool {
	return slices.ContainsFunc(a.fold.of(a.subject), func(v fact) bool { return v.role == roleExists })
}

func (a at) secret(e domain.Event) {
	switch v := e.(type) {
	case secret.Created:
		a.begin(roleExists, "")
	case secret.AccessGranted:
		a.begin(roleAssigned, name(string(v.Kind), v.Target))
	case secret.AccessRevoked:
		a.end(roleAssigned, name(string(v.Kind), v.Target))
	case secret.RuleAdded:
		a.endRule(v.RuleID)
		a.fold.begin(a.rule(v), a.position)
	case secret.RuleRemoved:
		a.endRule(v.RuleID)
	case secret.TicketLinked:
		a.begin(roleTicket, name(domain.TicketKind, v.Ticket))
	case secret.TicketUnlinked:
		a.end(roleTicket, name(domain.TicketKind, v.Ticket))
	case secret.ContactRelated:
		a.begin(roleContact, name(domain.ContactKind, v.Contact))
	case secret.ContactUnrelated:
		a.end(roleContact, name(domain.ContactKind, v.Contact))
	}
}

func (a at) rule(v secret.RuleAdded) fact {
	r := a.fact(string(v.Kind), "")
	r.rule, r.whileOpen = v.RuleID.String(), v.While != secret.Always && v.While != ""
	if v.Kind == secret.CategoryAssignee {
		r.value = name(categoryKind, v.Value)
	}
	return r
}

func (a at) endRule(id uuid.UUID) {
	for _, v := range a.fold.of(a.subject) {
		if v.rule == id.String() {
			a.fold.end(v, a.position)
		}
	}
}

// factsOf returns what holds of a ticket.
func factsOf(subject node, v ticket.Synced) []fact {
	facts := []fact{{workspace: subject.workspace, subject: subject.name, role: roleExists,
		value: name(incarnationOf, strconv.Itoa(max(v.Incarnation, 1)))}}
	add := func(role, kind string, ids ...string) {
		for _, id := range ids {
			if id != "" {
				facts = append(facts, fact{workspace: subject.workspace, subject: subject.name, role: role, value: name(kind, id)})
			}
		}
	}
	if v.Status == ticket.Open {
		facts = append(facts, fact{workspace: subject.workspace, subject: subject.name, role: roleOpen})
	}
	add(roleCategory, categoryKind, v.Category)
	add(roleConcerns, domain.ContactKind, append([]string{v.Contact}, v.Contacts...)...)
	add(roleCreator, domain.MemberKind, v.CreatedBy)
	add(roleAssignee, domain.MemberKind, v.Assignees...)
	add(roleFollower, domain.MemberKind, v.Followers...)
	add(roleApprover, domain.MemberKind, v.Approvers...)
	add(roleTeam, domain.GroupKind, v.Groups...)
	return facts
}
