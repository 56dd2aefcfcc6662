package workspace_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/workspace"
)

var (
	noon  = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	keyID = uuid.MustParse("0190a000-0000-7000-8000-000000000001")
	hash  = bytes.Repeat([]byte{7}, 32)
	perms = []domain.Permission{domain.SecretsView, domain.AuditRead}
)

func issued(id uuid.UUID) workspace.APIKeyIssued {
	return workspace.APIKeyIssued{KeyID: id, Name: domain.NewPrivate("Exporter"), Permissions: perms, Hash: hash}
}

func issue(name string, perms []domain.Permission, expires *time.Time) func(workspace.State) ([]domain.Event, error) {
	return func(s workspace.State) ([]domain.Event, error) {
		return workspace.IssueAPIKey(s, keyID, name, perms, hash, expires, noon)
	}
}

func revoke(s workspace.State) ([]domain.Event, error) { return workspace.RevokeAPIKey(s, keyID) }

func TestIssueAPIKey(t *testing.T) {
	full := []domain.Event{opened}
	for range workspace.MaxAPIKeys {
		full = append(full, issued(uuid.New()))
	}
	later := noon.Add(time.Hour)
	expiring := issued(keyID)
	expiring.ExpiresAt = &later
	domaintest.Run(t, workspace.Evolve, []domaintest.Case[workspace.State]{
		{Name: "an unknown workspace issues no key", When: issue("Exporter", perms, nil), Err: workspace.ErrNotFound},
		{Name: "a key is issued with its permissions in order, each once", Given: []domain.Event{opened},
			When: issue("Exporter", []domain.Permission{domain.AuditRead, domain.SecretsView, domain.AuditRead}, nil),
			Then: []domain.Event{issued(keyID)}},
		{Name: "a key may expire", Given: []domain.Event{opened}, When: issue("Exporter", perms, &later), Then: []domain.Event{expiring}},
		{Name: "a key is issued once", Given: []domain.Event{opened, issued(keyID)}, When: issue("Exporter", perms, nil),
			Err: workspace.ErrAPIKeyExists},
		{Name: "a revoked key is not issued again", When: issue("Exporter", perms, nil), Err: workspace.ErrAPIKeyExists,
			Given: []domain.Event{opened, issued(keyID), workspace.APIKeyRevoked{KeyID: keyID}}},
		{Name: "a workspace has so many keys and no more", Given: full, When: issue("Exporter", perms, nil),
			Err: workspace.ErrTooManyAPIKeys},
		{Name: "a revoked key makes room", When: issue("Exporter", perms, nil), Then: []domain.Event{issued(keyID)},
			Given: append(full[:len(full):len(full)], workspace.APIKeyRevoked{KeyID: full[1].(workspace.APIKeyIssued).KeyID})},
		{Name: "everything wrong is told at once", Given: []domain.Event{opened},
			When: issue("", []domain.Permission{domain.AuditRead, "root"}, &noon), Err: domain.ErrTextRequired,
			At: []string{"body.name", "body.permissions[1]", "body.expires_at"}},
		{Name: "a key without permissions is of no use", Given: []domain.Event{opened}, When: issue("Exporter", nil, nil),
			Err: domain.Refuse(domain.Invalid, "permissions_required", "")},
	})
}

func TestRevokeAPIKey(t *testing.T) {
	domaintest.Run(t, workspace.Evolve, []domaintest.Case[workspace.State]{
		{Name: "an unknown key is not revoked", Given: []domain.Event{opened}, When: revoke, Err: workspace.ErrAPIKeyNotFound},
		{Name: "an issued key is revoked", Given: []domain.Event{opened, issued(keyID)}, When: revoke,
			Then: []domain.Event{workspace.APIKeyRevoked{KeyID: keyID}}},
	})
}

func TestIssueAPIKeyWithoutHashIsAFault(t *testing.T) {
	if _, err := workspace.IssueAPIKey(workspace.State{Exists: true}, keyID, "x", perms, nil, nil, noon); err == nil {
		t.Error("a key without a hash was issued")
	}
}
