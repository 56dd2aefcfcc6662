package secret

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

// While limits a rule to the time in which the ticket it matched through is open.
type While string

// The limits of rules.
const (
	Always     While = "always"
	TicketOpen While = "ticket_open"
)
