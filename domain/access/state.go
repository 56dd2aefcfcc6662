package access

import (
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// space is what the index knows of one workspace. In it and in what it holds, exported fields are folded from events;
// those that are not follow from them and make lookups fast.
type space struct {
	id           uuid.UUID
	opened       bool
	settings     workspace.Settings
	settingsMark mark // of the latest change, at first of the opening

	names    names
	members  table[member, *member]
	groups   table[group, *group]
	contacts table[contact, *contact]
	tickets  table[ticket, *ticket]
	secrets  []*record // by slot; the first is unused
	keys     map[uuid.UUID]*key
	forms    map[uuid.UUID]*form
	reveals  reveals
	unlocks  map[session]unlock

	challenges   map[slot]challenge // by member
	unlocksSwept int64              // the minute in which those that are over were last dropped

	everyone   slots                // secrets assigned to everyone
	divisions  map[name]slots       // secrets assigned to a division
	categories map[name]slots       // secrets with a rule about a category
	assigned   map[assignment]slots // tickets
}

// assignment leads to the tickets of a category that a member is assigned to.
type assignment struct {
	member   slot
	category name
	open     bool
}

type member struct {
	node
	Active      bool
	Division    name
	Permissions PermissionSet
	Changed     *[16]mark // by permission: what last granted or revoked it; nil until one was
	Owner       bool
	Ownership   mark    // what made him owner, or ended it
	Identity    []byte  // hash of the sign-in that is his; nil if none is bound
	EmailHash   []byte  // of the address that codes go to; nil if he has none
	Moved       instant // when that took another one's place; 0 if it is his first

	groups   slots
	contacts slots // that he owns
	secrets  slots // assigned to him
	assigned slots // tickets
	linked   slots // tickets with secrets in which he has any part
}

// tie names a thing and what tied it.
type tie struct {
	To   slot
	Mark mark
}

type group struct {
	node
	Members []tie // in ascending order of slots

	secrets slots
	linked  slots // tickets with secrets that are the group's
}

type contact struct {
	node
	Owners []tie // in ascending order of slots

	tickets slots
	secrets slots
}

// part is how a ticket names a member, group or contact.
type part int

const (
	assignee part = iota
	follower
	creator
	approver
	teams    // its groups
	contacts // its contacts
	parts
)

type ticket struct {
	node
	Open     bool
	Category name
	Refs     []slot        // what it names, part after part
	Ends     [parts]uint32 // where each part ends in Refs

	secrets slots // linked
}

// of returns what the ticket names in a part, in its own order.
func (t *ticket) of(p part) []slot {
	from := uint32(0)
	if p > 0 {
		from = t.Ends[p-1]
	}
	return t.Refs[from:t.Ends[p]]
}

// record is a secret.
type record struct {
	Slot            slot
	ID              uuid.UUID
	Created         fact
	Template        uuid.UUID
	TemplateVersion int
	Inactive        bool
	State           fact // the latest activation or deactivation
	Ended           fact // the request to destroy it; 0 while there is none
	Expires         instant
	Expiration      fact // what set or cleared it, unless the creation did
	Grants          []grant
	Rules           []rule
	Tickets         []tie // in the order linked
	Contacts        []tie // in the order related
	Fields          []field
}

// grantKind orders assignments: the most particular one explains a decision.
type grantKind uint8

const (
	toMember grantKind = iota + 1
	toGroup
	toDivision
	toEveryone
)

var grantKinds = map[secret.AssignmentKind]grantKind{secret.ToMember: toMember, secret.ToGroup: toGroup,
	secret.ToDivision: toDivision, secret.ToEveryone: toEveryone}

var grantNames = [...]secret.AssignmentKind{toMember: secret.ToMember, toGroup: secret.ToGroup,
	toDivision: secret.ToDivision, toEveryone: secret.ToEveryone}

// grant is an assignment. Target is the slot of a member or group, the name of a division, or 0.
type grant struct {
	Kind   grantKind
	Target uint32
	Mark   mark
}

// ruleKind is the place of a rule's kind in ruleKinds; 0 is a kind that is not known here and lets nobody in.
type ruleKind uint8

const (
	ticketAssignee ruleKind = iota + 1
	ticketFollower
	ticketCreator
	ticketApprover
	ticketGroup
	contactOwner
	contactTicketAssignee
	categoryAssignee
)

var ruleKinds = [...]secret.RuleKind{ticketAssignee: secret.TicketAssignee, ticketFollower: secret.TicketFollower,
	ticketCreator: secret.TicketCreator, ticketApprover: secret.TicketApprover, ticketGroup: secret.TicketGroup,
	contactOwner: secret.ContactOwner, contactTicketAssignee: secret.ContactTicketAssignee,
	categoryAssignee: secret.CategoryAssignee}

type rule struct {
	ID    uuid.UUID
	Kind  ruleKind
	Value name
	Open  bool // only while the ticket it matches through is open
	Mark  mark
}

type field struct {
	Key     name
	Set     bool
	Version uint32 // the current one
	Fact    fact   // what made it current
	Cleared []uint32
}

// form is a template: the fields that each of its versions has.
type form struct {
	Versions map[int][]name
}

// key is a service account.
type key struct {
	ID          uuid.UUID
	Hash        []byte
	Permissions PermissionSet
	Expires     instant
	Issued      fact
}

// session is one sign-in of a member.
type session struct {
	Member slot
	Hash   string
}

// unlock lets a session reveal until it ends.
type unlock struct {
	Until  instant
	Stream uuid.UUID // of the verification
	Fact   fact
}
