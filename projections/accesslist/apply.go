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
	roleThere    = "there"    // of members, groups, contacts and tickets, with the incarnation
	roleExists   = "exists"   // of a secret, with those who manage all
	roleOwner    = "owner"    // of a member, with those who manage all
	roleActive   = "active"   // of a member or service account, with everyone
	roleDivision = "division" // of a member
	roleMember   = "member"   // of a group
	roleOwns     = "owned_by" // of a contact
	roleAssignee = "assignee" // of a ticket, as the next seven
	roleFollower = "follower"
	roleCreator  = "creator"
	roleApprover = "approver"
	roleTeam     = "team"    // its groups
	roleConcerns = "contact" // its contacts
	roleCategory = "category"
	roleOpen     = "open"
	roleTicket   = "linked_ticket"   // of a secret
	roleContact  = "related_contact" // of a secret
	roleAssigned = "assigned_"       // of a secret, followed by the kind of the assignment
)

// What roles lead to that name nothing of the directory.
const (
	managers = "managers/all"
	everyone = string(secret.ToEveryone) + "/" + secret.AllTarget
)

// Kinds of names beside those of aggregates.
const (
	serviceKind     = "service"
	categoryKind    = "category"
	incarnationKind = "incarnation"
)

var roleManage = string(domain.SecretsManage)

func name(kind, id string) string { return kind + "/" + id }

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
		at.begin(roleActive, everyone)
		at.set(roleManage, managers, slices.Contains(v.Permissions, domain.SecretsManage))
	case member.Synced:
		at.exists(incarnation)
		at.set(roleActive, everyone, v.Active)
		at.only(roleDivision, string(secret.ToDivision), v.Division)
	case member.PermissionsChanged:
		at.changePermissions(v)
	case member.OwnershipChanged:
		at.set(roleOwner, managers, v.Owner && at.isThere())
	case group.Synced:
		at.exists(incarnation)
		at.change(roleMember, v.Added, v.Removed)
	case contact.Synced:
		at.exists(incarnation)
		at.change(roleOwns, v.OwnersAdded, v.OwnersRemoved)
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

func (a at) set(role, value string, holds bool) {
	if holds {
		a.begin(role, value)
	} else {
		a.end(role, value)
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
	here := a.fact(roleThere, name(incarnationKind, strconv.Itoa(incarnation)))
	for _, v := range a.fold.of(a.subject) {
		if v.role == roleThere && v != here {
			a.fold.remove(a.subject, a.position)
			break
		}
	}
	a.fold.begin(here, a.position)
}

func (a at) changePermissions(v member.PermissionsChanged) {
	switch {
	case slices.Contains(v.Granted, domain.SecretsManage):
		a.set(roleManage, managers, a.isThere())
	case slices.Contains(v.Revoked, domain.SecretsManage):
		a.end(roleManage, managers)
	}
}

// isThere tells whether the directory has the subject now: what else is said of one that it has not is void.
func (a at) isThere() bool {
	return slices.ContainsFunc(a.fold.of(a.subject), func(v fact) bool { return v.role == roleThere })
}

func (a at) secret(e domain.Event) {
	switch v := e.(type) {
	case secret.Created:
		a.begin(roleExists, managers)
	case secret.DestroyRequested: // those who manage all still see that it was there
		a.fold.become(a.subject, []fact{a.fact(roleExists, managers)}, a.position)
	case secret.AccessGranted:
		a.begin(roleAssigned+string(v.Kind), name(string(v.Kind), v.Target))
	case secret.AccessRevoked:
		a.end(roleAssigned+string(v.Kind), name(string(v.Kind), v.Target))
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
	facts := []fact{{workspace: subject.workspace, subject: subject.name, role: roleThere,
		value: name(incarnationKind, strconv.Itoa(max(v.Incarnation, 1)))}}
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
