package secret_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
)

type (
	state  = secret.State
	events = []domain.Event
	cases  = []domaintest.Case[secret.State]
	when   = func(secret.State) ([]domain.Event, error)
)

var (
	noon       = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	later      = noon.Add(24 * time.Hour)
	templateID = id(1)
	created    = secret.Created{
		Template: templateID, TemplateVersion: 3, Name: domain.NewPrivate("Acme AWS"), Description: domain.NewPrivate("Root account"),
	}
	given = events{created}
)

func id(n byte) uuid.UUID { return uuid.UUID{15: n} }

func content(n byte) secret.Content {
	return secret.Content{ID: id(n), KeyID: "kek-1", Alg: "AES256-GCM", SHA256: bytes.Repeat([]byte{n}, 32)}
}

// after returns the events of a created secret and more.
func after(more ...domain.Event) events { return append(given[:1:1], more...) }

func TestNothingIsAskedOfAnUnknownSecret(t *testing.T) {
	for name, ask := range map[string]when{
		"described":   func(s state) (events, error) { return secret.Describe(s, "x", "") },
		"activated":   secret.Activate,
		"deactivated": secret.Deactivate,
		"expired":     func(s state) (events, error) { return secret.SetExpiration(s, &later, noon) },
		"set":         func(s state) (events, error) { return secret.SetValue(s, "api_key", 1, content(1)) },
		"cleared":     func(s state) (events, error) { return secret.ClearValue(s, "api_key", false) },
		"granted":     func(s state) (events, error) { return secret.Grant(s, everyone) },
		"revoked":     func(s state) (events, error) { return secret.Revoke(s, secret.ToEveryone, secret.AllTarget) },
		"ruled":       func(s state) (events, error) { return secret.AddRule(s, assignees) },
		"unruled":     func(s state) (events, error) { return secret.RemoveRule(s, id(1)) },
		"linked":      func(s state) (events, error) { return secret.LinkTicket(s, secret.Related{ID: "z:1"}) },
		"unlinked":    func(s state) (events, error) { return secret.UnlinkTicket(s, "z:1") },
		"related":     func(s state) (events, error) { return secret.RelateContact(s, secret.Related{ID: "z:1"}) },
		"unrelated":   func(s state) (events, error) { return secret.UnrelateContact(s, "z:1") },
	} {
		domaintest.Run(t, secret.Evolve, cases{{Name: name, When: ask, Err: secret.ErrNotFound}})
	}
	domaintest.RefusesUnknown(t, secret.Evolve)
}
