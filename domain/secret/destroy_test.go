package secret_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
)

func hold(reason string) secret.HoldPlaced {
	return secret.HoldPlaced{Reason: domain.NewPrivate(reason)}
}

func TestHold(t *testing.T) {
	place := func(reason string) when {
		return func(s state) (events, error) { return secret.PlaceHold(s, reason) }
	}
	release := func(reason string) when {
		return func(s state) (events, error) { return secret.ReleaseHold(s, reason) }
	}
	released := secret.HoldReleased{Reason: domain.NewPrivate("settled")}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a secret is held", Given: given, When: place(" case 7\n"), Then: events{hold("case 7")}},
		{Name: "held for the same reason it stays so", Given: after(hold("case 7")), When: place("case 7")},
		{Name: "another reason replaces the one before", Given: after(hold("case 7")), When: place("case 8"), Then: events{hold("case 8")}},
		{Name: "a hold has a reason", Given: given, When: place(" "), Err: domain.ErrTextRequired, At: []string{"body.reason"}},
		{Name: "a reason has an end", Given: given, When: place(strings.Repeat("x", domain.MaxLong+1)), Err: domain.ErrTextTooLong,
			At: []string{"body.reason"}},
		{Name: "a hold is released", Given: after(hold("case 7")), When: release("settled"), Then: events{released}},
		{Name: "a reason is not needed for that", Given: after(hold("case 7")), When: release(""), Then: events{secret.HoldReleased{}}},
		{Name: "one that is not held stays so", Given: after(hold("case 7"), released), When: release("settled")},
		{Name: "an unknown secret is not held", When: place("x"), Err: secret.ErrNotFound},
		{Name: "nor released", When: release("x"), Err: secret.ErrNotFound},
	})
}

func TestDestruction(t *testing.T) {
	request := func(confirm string) when {
		return func(s state) (events, error) { return secret.RequestDestruction(s, confirm) }
	}
	complete := func(s state) (events, error) {
		return secret.CompleteDestruction(s, later.Add(time.Microsecond))
	}
	requested, destroyed := secret.DestroyRequested{}, secret.Destroyed{CompleteAt: later}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "whoever types its name destroys a secret", Given: given, When: request("Acme AWS"), Then: events{requested}},
		{Name: "not under another name", Given: given, When: request("acme aws"), Err: secret.ErrNotConfirmed, At: []string{"body.confirm"}},
		{Name: "nor under the name it had", Given: after(secret.Described{Name: domain.NewPrivate("New")}), When: request("Acme AWS"),
			Err: secret.ErrNotConfirmed},
		{Name: "not under hold", Given: after(hold("case 7")), When: request("Acme AWS"), Err: secret.ErrOnHold},
		{Name: "released, it can be", Given: after(hold("case 7"), secret.HoldReleased{}), When: request("Acme AWS"), Then: events{requested}},
		{Name: "an unknown secret is not destroyed", When: request(""), Err: secret.ErrNotFound},
		{Name: "what was requested is completed", Given: after(requested), When: complete, Then: events{destroyed}},
		{Name: "once", Given: after(requested, destroyed), When: complete},
		{Name: "what nobody requested is not completed", Given: given, When: complete},
		{Name: "a destroyed secret is not destroyed again", Given: after(requested, destroyed), When: request("erased")},
		{Name: "nothing is asked of it any more", Given: after(requested), When: secret.Activate, Err: secret.ErrNotFound},
		{Name: "nor is it made again", Given: after(requested), When: draft(nil), Err: secret.ErrAlreadyExists},
	})
}
