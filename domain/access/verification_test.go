package access_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kdesk/client-secrets/domain"
	. "github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/verification"
	"github.com/kdesk/client-secrets/domain/workspace"
)

var theCode = id("challenge")

func asked(who, session string) verification.Requested {
	return verification.Requested{Challenge: theCode, Member: who, Session: session, At: noon, ExpiresAt: noon.Add(10 * time.Minute)}
}

func answered(who, session string, until time.Time) verification.Unlocked {
	return verification.Unlocked{Challenge: theCode, Member: who, Session: session, At: noon, UnlockedUntil: until}
}

// unlock records that a session was unlocked.
func (h *history) unlock(who, session string, until time.Time) domain.Evidence {
	return h.say(asked(who, session), verification.Attempted{Challenge: theCode, Member: who, Number: 1}, answered(who, session, until))
}

func verified(t *testing.T) *history {
	h := usual(t)
	h.of(everyone)
	h.say(workspace.SettingsChanged{RevealVerification: &workspace.Verification{Required: true, UnlockMinutes: 15}})
	return h
}

func (h *history) revealsNow() bool { return h.x.Decide(h.ask(Reveal, ann)).Allowed }

func TestWhatEndsAnUnlock(t *testing.T) {
	addressed := func(hash string) member.Synced {
		e := staff(ann)
		e.EmailHash = []byte(hash)
		return e
	}
	inactive := addressed("a@")
	inactive.Active = false
	other := workspace.SettingsChanged{RevealVerification: &workspace.Verification{Required: true, UnlockMinutes: 5}}
	for _, c := range []struct {
		name   string
		events []domain.Event
		ends   bool
	}{
		{"nothing does not", nil, false},
		{"locking does", []domain.Event{verification.Locked{Member: ann, Session: "session"}}, true},
		{"locking another session does not", []domain.Event{verification.Locked{Member: ann, Session: "another"}}, false},
		{"nor another member", []domain.Event{verification.Locked{Member: olga, Session: "session"}}, false},
		{"another code does not", []domain.Event{asked(ann, "session")}, false},
		{"the same address does not", []domain.Event{addressed("a@")}, false},
		{"another address does", []domain.Event{addressed("b@")}, true},
		{"even if it changes back", []domain.Event{addressed("b@"), addressed("a@")}, true},
		{"no address does", []domain.Event{addressed("")}, true},
		{"deactivation does, for good", []domain.Event{inactive, addressed("a@")}, true},
		{"removal does, for good", []domain.Event{member.Removed{ID: ann}, addressed("a@"), permit(ann, domain.SecretsView, domain.SecretsReveal)}, true},
		{"another sign-in does", []domain.Event{member.IdentityBound{ID: ann, SubjectHash: []byte("x")}}, true},
		{"so does none", []domain.Event{member.IdentityUnbound{ID: ann}}, true},
		{"another rule of verification does", []domain.Event{other}, true},
		{"so does switching off and on", []domain.Event{workspace.SettingsChanged{Enabled: on(false)}, workspace.SettingsChanged{Enabled: on(true)}}, true},
		{"other settings do not", []domain.Event{workspace.SettingsChanged{RemaskSeconds: on(60)}}, false},
		{"nor do others' addresses", []domain.Event{member.Synced{ID: olga, Incarnation: 1, Active: true, EmailHash: []byte("o@")}}, false},
	} {
		t.Run("after: "+c.name, func(t *testing.T) {
			h := verified(t)
			h.say(addressed("a@"))
			h.unlock(ann, "session", noon.Add(time.Hour))
			assert.True(t, h.revealsNow())
			h.say(c.events...)
			assert.Equal(t, !c.ends, h.revealsNow())
			actor := domain.Actor{Kind: domain.Member, ID: ann, Session: "session"}
			assert.Equal(t, !c.ends, h.x.UnlockedUntil(h.ws, actor, noon) != nil)
		})
		t.Run("before the answer: "+c.name, func(t *testing.T) {
			if len(c.events) > 0 {
				_, locks := c.events[0].(verification.Locked)
				c.ends = c.ends && !locks // locking ends an unlock, not a challenge
			}
			h := verified(t)
			h.say(addressed("a@"), asked(ann, "session"))
			h.say(c.events...)
			assert.Equal(t, !c.ends, h.x.Pending(h.ws, ann, theCode))
			h.say(answered(ann, "session", noon.Add(time.Hour)))
			assert.Equal(t, !c.ends, h.revealsNow(), "an answer that comes too late unlocks nothing")
		})
	}
}

func TestNothingIsUnlockedForADayAfterAnAddressChanged(t *testing.T) {
	addressed := func(hash string) member.Synced {
		e := staff(ann)
		e.EmailHash = []byte(hash)
		return e
	}
	for name, c := range map[string]struct {
		said []domain.Event
		held bool
	}{
		"a first address":             {[]domain.Event{addressed("a@")}, false},
		"the same again":              {[]domain.Event{addressed("a@"), addressed("a@")}, false},
		"another one":                 {[]domain.Event{addressed("a@"), addressed("b@")}, true},
		"another one and back":        {[]domain.Event{addressed("a@"), addressed("b@"), addressed("a@")}, true},
		"none":                        {[]domain.Event{addressed("a@"), addressed("")}, true},
		"another one by way of none":  {[]domain.Event{addressed("a@"), addressed(""), addressed("b@")}, true},
		"one of the next incarnation": {[]domain.Event{addressed("a@"), member.Removed{ID: ann}, addressed("b@")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := verified(t)
			h.say(c.said...)
			h.say(asked(ann, "session"))
			assert.Equal(t, !c.held, h.x.Pending(h.ws, ann, theCode))
			until := h.x.HeldUntil(h.ws, ann, noon)
			if !c.held {
				assert.Nil(t, until)
				return
			}
			assert.Equal(t, h.at.Add(AddressHold), *until)
			h.say(answered(ann, "session", noon.Add(time.Hour)))
			assert.False(t, h.revealsNow())
			later := asked(ann, "session")
			later.At = *until
			h.say(later)
			assert.True(t, h.x.Pending(h.ws, ann, theCode), "a day later")
			assert.Nil(t, h.x.HeldUntil(h.ws, ann, *until))
		})
	}
}

func TestAnUnlockTakesItsOwnChallenge(t *testing.T) {
	h := verified(t)
	h.say(answered(ann, "session", noon.Add(time.Hour)))
	assert.False(t, h.revealsNow(), "nobody asked")
	h.say(asked(ann, "another"), answered(ann, "session", noon.Add(time.Hour)))
	assert.False(t, h.revealsNow(), "another session asked")
	h.say(asked(ann, "session"), verification.Requested{Challenge: id("newer"), Member: ann, Session: "session"}, answered(ann, "session", noon.Add(time.Hour)))
	assert.False(t, h.revealsNow(), "a newer one took its place")
	h.say(asked(ann, "session"), verification.Ended{Challenge: theCode, Member: ann}, answered(ann, "session", noon.Add(time.Hour)))
	assert.False(t, h.revealsNow(), "it had ended")
	h.say(asked(ann, "session"), verification.Ended{Challenge: id("older"), Member: ann}, answered(ann, "session", noon.Add(time.Minute)))
	assert.True(t, h.revealsNow())
	h.say(answered(ann, "session", noon.Add(time.Hour)))
	assert.Equal(t, noon.Add(time.Minute), *h.x.UnlockedUntil(h.ws, h.ask(Reveal, ann).Actor, noon), "it answers once")
}

func TestTheUnlockIsEvidence(t *testing.T) {
	h := verified(t)
	fact := h.unlock(ann, "session", noon.Add(time.Hour))
	d := h.x.Decide(h.ask(Reveal, ann))
	assert.True(t, slices.Contains(d.Evidence, fact))
	assert.Equal(t, domain.DirectoryStream(h.ws, domain.VerificationKind, ann), fact.Stream)
}

func TestUnlocksAreForgotten(t *testing.T) {
	h := verified(t)
	h.say(asked(ann, "abandoned"))
	for i := range 500 {
		h.at = noon.Add(time.Duration(i) * time.Minute)
		h.unlock(olga, "session "+h.at.String(), h.at.Add(15*time.Minute))
	}
	unlocks, challenges := h.x.Verifications(h.ws)
	assert.Less(t, unlocks, 80, "those of the last hour and a quarter")
	assert.Zero(t, challenges)
}

func TestServiceAccountsAndStrangersAreNeverUnlocked(t *testing.T) {
	h := verified(t)
	h.say(service(domain.SecretsReveal))
	for _, a := range []domain.Actor{{Kind: domain.Service, ID: theKey.String(), Session: "session"}, {Kind: domain.Member, ID: "desk:nobody", Session: "session"}} {
		h.unlock(a.ID, "session", noon.Add(time.Hour))
		assert.Nil(t, h.x.UnlockedUntil(h.ws, a, noon))
		assert.False(t, h.x.Pending(h.ws, a.ID, theCode))
	}
	assert.Nil(t, h.x.UnlockedUntil(id("elsewhere"), h.ask(Reveal, ann).Actor, noon))
	assert.False(t, h.x.Pending(id("elsewhere"), ann, theCode))
}
