// Package source holds what helpdesks tell, in words that are none of a vendor's: the deliveries that come in, and the facts
// in them. It decides nothing: each fact is decided on by the aggregate that it is about.
package source

// Delivery is a webhook as it came in.
type Delivery struct {
	Header func(name string) string
	Body   []byte // to the byte as it was signed
}

// Account is how a helpdesk is asked.
type Account struct {
	BaseURL string
	Token   string
}

// String redacts.
func (a Account) String() string { return "account" }

// GoString redacts.
func (a Account) GoString() string { return a.String() }

// Told is what a delivery says. One of a source that does not sign has no facts.
type Told struct {
	ID    string // the same for the same signed content; empty if nothing is signed
	Facts []Fact
	Look  string // "ticket/<id>" or "user/<id>": what the helpdesk can be asked for, to learn the rest; empty for nothing
}

// Kind is what a fact is about.
type Kind string

// The kinds of facts.
const (
	Ticket  Kind = "ticket"
	Contact Kind = "contact" // who asks
	Member  Kind = "member"  // who works there
)

// Fact is what a helpdesk says of one thing. What is nil was not said.
type Fact struct {
	Kind    Kind
	ID      string // "source:id"
	Version string // the helpdesk's version or time of the fact; empty for none
	Removed bool   // of a ticket

	Subject, URL, Category, Contact, CreatedBy *string // of a ticket
	Open                                       *bool
	Assignees, Followers, Groups               *[]string

	Name, Company, Email *string // of a contact or member
	Active               *bool   // of a member
}

// String redacts: a fact is personal data.
func (f Fact) String() string { return "fact about " + f.ID }

// GoString redacts.
func (f Fact) GoString() string { return f.String() }
