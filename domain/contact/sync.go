package contact

import (
	"fmt"

	"github.com/kdesk/client-secrets/domain"
)

// MaxOwners bounds the owners of a contact.
const MaxOwners = 200

// Refusals of a contact.
var (
	ErrNotFound = domain.Refuse(domain.NotFound, "contact_not_found", "there is no such contact")
	ErrErased   = domain.Refuse(domain.Conflict, "erased", "the contact's personal data was erased for ever; this id cannot be used again")
)

// Profile is what the helpdesk says of a contact, whole.
type Profile struct {
	ID            string // "source:id"
	SourceVersion string // the source's version or time; empty if it has none
	Name          string
	Company       string
	Email         string
	Owners        []string // member ids
}

// String redacts: a profile is personal data.
func (p Profile) String() string { return fmt.Sprintf("profile of %s", p.ID) }

// GoString redacts.
func (p Profile) GoString() string { return p.String() }

// Sync takes over what the helpdesk says. The same profile again changes nothing, nor does one with an older source
// version than is known. A removed contact returns as a new incarnation that inherits nothing.
func Sync(s State, profile Profile) ([]domain.Event, error) {
	profile, err := check(profile)
	switch {
	case err != nil:
		return nil, err
	case domain.OlderVersion(profile.SourceVersion, s.SourceVersion):
		return nil, nil
	case s.Erased:
		return nil, ErrErased
	}
	e := Synced{
		ID: profile.ID, SourceVersion: profile.SourceVersion, Incarnation: s.Incarnation, Name: domain.NewPrivate(profile.Name),
		Company: domain.NewPrivate(profile.Company), Email: domain.NewPrivate(profile.Email),
		OwnersAdded:   domain.Difference(profile.Owners, s.Profile.Owners),
		OwnersRemoved: domain.Difference(s.Profile.Owners, profile.Owners),
	}
	switch {
	case !s.Exists:
		e.Incarnation++
	case s.Profile.same(profile) && e.OwnersAdded == nil && e.OwnersRemoved == nil:
		return nil, nil
	}
	return []domain.Event{e}, nil
}

// Remove ends a contact. Removing twice changes nothing.
func Remove(s State) ([]domain.Event, error) {
	switch {
	case s.Incarnation == 0:
		return nil, ErrNotFound
	case !s.Exists:
		return nil, nil
	}
	return []domain.Event{Removed{ID: s.Profile.ID}}, nil
}

func check(in Profile) (Profile, error) {
	var p domain.Problems
	out := Profile{ID: in.ID}
	p.ForeignID("path.id", in.ID)
	out.SourceVersion = p.Line("body.source_version", in.SourceVersion, domain.MaxName)
	out.Name = p.Name("body.name", in.Name, domain.MaxName)
	out.Company = p.Line("body.company", in.Company, domain.MaxName)
	out.Email = p.Email("body.email", in.Email)
	out.Owners = p.IDSet("body.owners", in.Owners, MaxOwners)
	return out, p.Err()
}

// same compares all but owners. A newer source version alone is news: later facts are compared with it.
func (a Profile) same(b Profile) bool {
	return a.ID == b.ID && (b.SourceVersion == "" || a.SourceVersion == b.SourceVersion) && a.Name == b.Name &&
		a.Company == b.Company && a.Email == b.Email
}
