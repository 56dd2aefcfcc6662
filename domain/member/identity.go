package member

import (
	"errors"

	"github.com/kdesk/client-secrets/domain"
)

// BindIdentity makes a sign-in the member's, in place of the one before. subjectHash is the keyed HMAC-SHA256 of issuer
// and subject, 32 bytes. Whether another member has that sign-in is not for this rule to know.
func BindIdentity(s State, issuer string, subjectHash []byte) ([]domain.Event, error) {
	if !s.Exists {
		return nil, ErrNotFound
	}
	if len(subjectHash) != 32 {
		return nil, errors.New("binding an identity: the hash of its subject is missing")
	}
	var p domain.Problems
	issuer = p.Name("body.issuer", issuer, domain.MaxName)
	if err := p.Err(); err != nil {
		return nil, err
	}
	if s.Has(subjectHash) {
		return nil, nil
	}
	unbound, err := UnbindIdentity(s)
	return append(unbound, IdentityBound{ID: s.Profile.ID, Issuer: issuer, SubjectHash: subjectHash}), err
}

// UnbindIdentity takes the member's sign-in away. Without one, nothing changes.
func UnbindIdentity(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case s.Identity == nil:
		return nil, nil
	}
	return []domain.Event{IdentityUnbound{ID: s.Profile.ID, SubjectHash: s.Identity.SubjectHash}}, nil
}
