package secret

import (
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// AssignmentKind is whom an assignment names.
type AssignmentKind string

// The assignment kinds.
const (
	ToMember   AssignmentKind = "member"
	ToGroup    AssignmentKind = "group"
	ToDivision AssignmentKind = "division"
	ToEveryone AssignmentKind = "everyone" // with target "all"
)

// AllTarget is the one target of an assignment to everyone.
const AllTarget = "all"

// RuleKind is how a dynamic rule finds those it lets in.
type RuleKind string

// The rule kinds.
const (
	TicketAssignee        RuleKind = "ticket_assignee"         // assignees of related tickets
	TicketFollower        RuleKind = "ticket_follower"         // followers of related tickets
	TicketCreator         RuleKind = "ticket_creator"          // who created a related ticket
	TicketApprover        RuleKind = "ticket_approver"         // approvers of related tickets
	TicketGroup           RuleKind = "ticket_group"            // members of the groups of related tickets
	ContactOwner          RuleKind = "contact_owner"           // owners of related contacts
	ContactTicketAssignee RuleKind = "contact_ticket_assignee" // assignees of any ticket of a related contact
	CategoryAssignee      RuleKind = "category_assignee"       // assignees of any ticket in the category that is the rule's value
)

// While limits a rule to the time in which the ticket it matched through is open. ContactOwner matches through none and
// takes no such limit.
type While string

// The limits of rules.
const (
	Always     While = "always"
	TicketOpen While = "ticket_open"
)

// Assignment lets in whom it names.
type Assignment struct {
	Kind        AssignmentKind
	Target      string
	Incarnation int // of the member or group; 0 if it has none or it is not known
}

// Rule lets in whom it matches.
type Rule struct {
	ID    uuid.UUID
	Kind  RuleKind
	Value string // the category of category_assignee, otherwise empty
	While While  // empty is always
}

func (a Assignment) sameTarget(b Assignment) bool { return a.Kind == b.Kind && a.Target == b.Target }

// covers tells whether having a makes b nothing new.
func (a Assignment) covers(b Assignment) bool {
	return a.sameTarget(b) && (b.Incarnation == 0 || a.Incarnation == b.Incarnation)
}

func (a Assignment) check(p *domain.Problems, at string) Assignment {
	switch a.Kind {
	case ToMember, ToGroup:
		p.ForeignID(at+".target", a.Target)
	case ToDivision:
		a.Target = p.Name(at+".target", a.Target, domain.MaxName)
	case ToEveryone:
		if a.Target != AllTarget {
			p.Add("invalid_target", at+".target", "the target of everyone is all")
		}
	default:
		p.Add("unknown_assignment_kind", at+".kind", "must be member, group, division or everyone")
	}
	return a
}

func (r Rule) sameMatch(b Rule) bool {
	return r.Kind == b.Kind && r.Value == b.Value && r.While == b.While
}

func (r Rule) check(p *domain.Problems, at string) Rule {
	switch r.Kind {
	case CategoryAssignee:
		r.Value = p.Name(at+".value", r.Value, domain.MaxName)
	case TicketAssignee, TicketFollower, TicketCreator, TicketApprover, TicketGroup, ContactOwner, ContactTicketAssignee:
		if r.Value != "" {
			p.Add("value_not_allowed", at+".value", "only category_assignee takes a value")
		}
	default:
		p.Add("unknown_rule_kind", at+".kind", "there is no such kind of rule")
	}
	switch r.While {
	case "":
		r.While = Always
	case Always, TicketOpen:
	default:
		p.Add("unknown_while", at+".while", "must be always or ticket_open")
	}
	if r.Kind == ContactOwner && r.While == TicketOpen {
		p.Add("while_not_allowed", at+".while", "contact_owner matches through no ticket: it can only be always")
	}
	return r
}

func ruleID(id uuid.UUID) func(Rule) bool { return func(r Rule) bool { return r.ID == id } }
