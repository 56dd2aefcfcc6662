package ticket

import (
	"fmt"
	"reflect"

	"github.com/kdesk/client-secrets/domain"
)

// Bounds of a ticket.
const (
	MaxSubject = 1000
	MaxURL     = 2000
	MaxPeople  = 200 // entries of each list
)

// Facts are what the helpdesk says of a ticket, whole. Contact, contacts and groups are ids of the directory; creator,
// assignees, followers and approvers are member ids.
type Facts struct {
	ID            string // "source:id"
	SourceVersion string // the source's version or time; empty if it has none
	Subject       string
	URL           string // http or https, or empty
	Status        Status
	Category      string
	Contact       string
	Contacts      []string // further contacts
	CreatedBy     string
	Assignees     []string
	Followers     []string
	Groups        []string
	Approvers     []string
}

// String redacts: subjects are free text.
func (f Facts) String() string { return fmt.Sprintf("facts of %s", f.ID) }

// GoString redacts.
func (f Facts) GoString() string { return f.String() }

// check returns the facts trimmed, their lists sorted and each entry once.
func check(f Facts) (Facts, error) {
	var p domain.Problems
	p.ForeignID("path.id", f.ID)
	f.SourceVersion = p.Line("body.source_version", f.SourceVersion, domain.MaxName)
	f.Subject = p.Line("body.subject", f.Subject, MaxSubject)
	f.Category = p.Line("body.category", f.Category, domain.MaxName)
	f.URL = p.Line("body.url", f.URL, MaxURL)
	if f.URL != "" && !domain.IsWebAddress(f.URL) {
		p.Add("invalid_url", "body.url", "must be an http or https address")
	}
	if f.Status != Open && f.Status != Closed {
		p.Add("unknown_status", "body.status", "must be open or closed")
	}
	optionalID(&p, "body.contact", f.Contact)
	optionalID(&p, "body.created_by", f.CreatedBy)
	f.Contacts = p.IDSet("body.contacts", f.Contacts, MaxPeople)
	f.Assignees = p.IDSet("body.assignees", f.Assignees, MaxPeople)
	f.Followers = p.IDSet("body.followers", f.Followers, MaxPeople)
	f.Groups = p.IDSet("body.groups", f.Groups, MaxPeople)
	f.Approvers = p.IDSet("body.approvers", f.Approvers, MaxPeople)
	return f, p.Err()
}

func optionalID(p *domain.Problems, location, id string) {
	if id != "" {
		p.ForeignID(location, id)
	}
}

// CheckURL refuses what cannot be a ticket's address: anything but an http or https address of at most MaxURL characters.
func CheckURL(s string) error {
	var p domain.Problems
	if s = p.Line("url", s, MaxURL); s != "" && !domain.IsWebAddress(s) {
		p.Add("invalid_url", "url", "must be an http or https address")
	}
	return p.Err()
}

// same tells whether facts g say what f say. A newer source version alone is news: later facts are compared with it.
func (f Facts) same(g Facts) bool {
	if g.SourceVersion == "" {
		g.SourceVersion = f.SourceVersion
	}
	return reflect.DeepEqual(f, g)
}

func (f Facts) synced(incarnation int) Synced {
	return Synced{
		ID: f.ID, SourceVersion: f.SourceVersion, Incarnation: incarnation, Subject: domain.NewPrivate(f.Subject),
		URL: domain.NewPrivate(f.URL), Status: f.Status, Category: f.Category, Contact: f.Contact, Contacts: f.Contacts,
		CreatedBy: f.CreatedBy, Assignees: f.Assignees, Followers: f.Followers, Groups: f.Groups, Approvers: f.Approvers,
	}
}
