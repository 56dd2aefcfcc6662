package workspace

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// MaxAPIKeys bounds the keys of a workspace that are not revoked, expired ones included.
const MaxAPIKeys = 100

// Refusals of API keys.
var (
	ErrAPIKeyNotFound = domain.Refuse(domain.NotFound, "api_key_not_found", "there is no such API key")
	ErrAPIKeyExists   = domain.Refuse(domain.Conflict, "already_exists", "the API key was issued already and is not shown twice")
	ErrTooManyAPIKeys = domain.Refuse(domain.Conflict, "too_many_api_keys", "the workspace has as many API keys as it may have; revoke one first")
)

// IssueAPIKey lets a service account in. hash is the keyed HMAC-SHA256 of the key, 32 bytes; expiresAt nil is never.
// A key id that was used before is refused: the key itself is not kept and cannot be shown again.
func IssueAPIKey(s State, keyID uuid.UUID, name string, perms []domain.Permission, hash []byte, expiresAt *time.Time, now time.Time) ([]domain.Event, error) {
	switch _, used := s.Keys[keyID]; {
	case !s.Exists:
		return nil, ErrNotFound
	case used:
		return nil, ErrAPIKeyExists
	case keyID == uuid.Nil || len(hash) != 32:
		return nil, errors.New("issuing an API key: its id or hash is missing")
	case s.liveKeys() >= MaxAPIKeys:
		return nil, ErrTooManyAPIKeys
	}
	var p domain.Problems
	issued := APIKeyIssued{KeyID: keyID, Hash: hash}
	issued.Name = domain.NewPrivate(p.Name("body.name", name, domain.MaxName))
	issued.Permissions = p.Permissions("body.permissions", perms)
	if len(perms) == 0 {
		p.Add("permissions_required", "body.permissions", "at least one permission is required")
	}
	if expiresAt != nil {
		t, err := domain.CheckExpiry(*expiresAt, now)
		p.AddError("body.expires_at", err)
		issued.ExpiresAt = &t
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return []domain.Event{issued}, nil
}

// RevokeAPIKey shuts a service account out. Revoking twice changes nothing.
func RevokeAPIKey(s State, keyID uuid.UUID) ([]domain.Event, error) {
	key, known := s.Keys[keyID]
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !known:
		return nil, ErrAPIKeyNotFound
	case key.Revoked:
		return nil, nil
	}
	return []domain.Event{APIKeyRevoked{KeyID: keyID}}, nil
}

func (s State) liveKeys() (n int) {
	for _, k := range s.Keys {
		if !k.Revoked {
			n++
		}
	}
	return n
}
