package member

import (
	"bytes"
	"fmt"

	"github.com/kdesk/client-secrets/domain"
)

// Refusals of a member.
var (
	ErrNotFound = domain.Refuse(domain.NotFound, "member_not_found", "there is no such member")
	ErrErased   = domain.Refuse(domain.Conflict, "erased", "the member's personal data was erased for ever; this id cannot be used again")
)

// Profile is what the directory says of a member, whole.
type Profile struct {
	ID            string // "source:id"
	SourceVersion string // the source's version or time; empty if it has none
	Name          string
	Email         string // empty if the member has none
	EmailHash     []byte // keyed; of the same address
	Division      string
	Title         string
	Active        bool
	UserName      string // as an identity provider calls them; empty if none told
	ExternalID    string // of theirs at the identity provider; empty if none told
}

// String redacts: a profile is personal data.
func (p Profile) String() string { return fmt.Sprintf("profile of %s", p.ID) }

// GoString redacts.
func (p Profile) GoString() string { return p.String() }

// Sync takes over what the directory says. The same profile again changes nothing, nor does one with an older source
// version than is known. A removed member returns as a new incarnation without permissions, ownership or sign-in.
func Sync(s State, profile Profile) ([]domain.Event, error) {
	profile, err := checkProfile(profile)
	switch {
	case err != nil:
		return nil, err
	case domain.OlderVersion(profile.SourceVersion, s.SourceVersion):
		return nil, nil
	case s.Erased:
		return nil, ErrErased
	case s.Exists && s.Profile.same(profile):
		return nil, nil
	}
	incarnation := s.Incarnation
	if !s.Exists {
		incarnation++
	}
	return []domain.Event{Synced{
		ID: profile.ID, SourceVersion: profile.SourceVersion, Incarnation: incarnation,
		Name: domain.NewPrivate(profile.Name), Email: domain.NewPrivate(profile.Email), EmailHash: profile.EmailHash,
		Division: profile.Division, Title: domain.NewPrivate(profile.Title), Active: profile.Active,
		UserName: domain.NewPrivate(profile.UserName), ExternalID: domain.NewPrivate(profile.ExternalID),
	}}, nil
}

func checkProfile(in Profile) (Profile, error) {
	var p domain.Problems
	out := Profile{ID: in.ID, EmailHash: in.EmailHash, Active: in.Active}
	p.ForeignID("path.id", in.ID)
	out.SourceVersion = p.Line("body.source_version", in.SourceVersion, domain.MaxName)
	out.Name = p.Name("body.name", in.Name, domain.MaxName)
	out.Email = p.Email("body.email", in.Email)
	out.Division = p.Line("body.division", in.Division, domain.MaxName)
	out.Title = p.Line("body.title", in.Title, domain.MaxName)
	out.UserName = p.Line("body.user_name", in.UserName, domain.MaxName)
	out.ExternalID = p.Line("body.external_id", in.ExternalID, domain.MaxName)
	return out, p.Err()
}

// same tells whether profile b says what a says. A newer source version alone is news: later facts are compared with it.
func (a Profile) same(b Profile) bool {
	return a.ID == b.ID && (b.SourceVersion == "" || a.SourceVersion == b.SourceVersion) && a.Name == b.Name &&
		a.Email == b.Email && bytes.Equal(a.EmailHash, b.EmailHash) && a.Division == b.Division && a.Title == b.Title &&
		a.Active == b.Active && a.UserName == b.UserName && a.ExternalID == b.ExternalID
}
