package secret_test

import (
	"testing"
	"time"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
)

func TestDescribe(t *testing.T) {
	describe := func(name, description string) when {
		return func(s state) (events, error) { return secret.Describe(s, name, description) }
	}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a secret gets another name", Given: given, When: describe(" Acme GCP", "Root account"),
			Then: events{secret.Described{Name: domain.NewPrivate("Acme GCP"), Description: domain.NewPrivate("Root account")}}},
		{Name: "the same name and description change nothing", Given: given, When: describe("Acme AWS ", "Root account\n")},
		{Name: "a name is required", Given: given, When: describe("", "\x00"), Err: domain.ErrTextRequired,
			At: []string{"body.name", "body.description"}},
	})
}

func TestActivity(t *testing.T) {
	inactive := after(secret.Deactivated{})
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "an active secret becomes inactive", Given: given, When: secret.Deactivate, Then: events{secret.Deactivated{}}},
		{Name: "an inactive one stays so", Given: inactive, When: secret.Deactivate},
		{Name: "an inactive secret becomes active", Given: inactive, When: secret.Activate, Then: events{secret.Activated{}}},
		{Name: "an active one stays so", Given: given, When: secret.Activate},
	})
}

func TestSetExpiration(t *testing.T) {
	set := func(at *time.Time, now time.Time) when {
		return func(s state) (events, error) { return secret.SetExpiration(s, at, now) }
	}
	expiring := after(secret.ExpirationSet{ExpiresAt: later})
	elsewhere := later.Add(100 * time.Microsecond).In(time.FixedZone("", 7200))
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a secret expires in the future", Given: given, When: set(&elsewhere, noon), Then: expiring[1:]},
		{Name: "the same time changes nothing", Given: expiring, When: set(&elsewhere, noon)},
		{Name: "also after it has passed", Given: expiring, When: set(&later, later.Add(time.Hour))},
		{Name: "the past is refused", Given: given, When: set(&noon, noon), Err: domain.ErrExpiry, At: []string{"body.expires_at"}},
		{Name: "a secret stops expiring", Given: expiring, When: set(nil, noon), Then: events{secret.ExpirationCleared{}}},
		{Name: "one that never expires stays so", Given: given, When: set(nil, noon)},
	})
	s := domaintest.Fold(t, secret.Evolve, state{}, expiring)
	if s.Expired(later.Add(-time.Millisecond)) || !s.Expired(later) || (state{}).Expired(later) {
		t.Error("a secret has expired from its time of expiry on")
	}
}
