package access_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"github.com/kdesk/client-secrets/domain"
	. "github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// question is one sentence about who may do what.
type question struct {
	name  string
	given func(*history)
	who   string // ann unless said otherwise
	act   Action // Reveal unless said otherwise
	ask   func(*Request)
	code  string // "" is allowed
	via   string
}

func (q question) run(t *testing.T) {
	h := usual(t)
	if q.given != nil {
		q.given(h)
	}
	if q.who == "" {
		q.who = ann
	}
	if q.act == 0 {
		q.act = Reveal
	}
	r := h.ask(q.act, q.who)
	if q.ask != nil {
		q.ask(&r)
	}
	d := h.x.Decide(r)
	assert.Equal(t, q.code, d.Code)
	assert.Equal(t, q.code == "", d.Allowed)
	assert.Equal(t, PolicyVersion, d.PolicyVersion)
	if q.via != "" {
		assert.Equal(t, q.via, d.Via)
	}
}

func granted(events ...domain.Event) func(*history) {
	return func(h *history) { h.of(everyone); h.of(events...) }
}

func settings(e workspace.SettingsChanged) func(*history) {
	return func(h *history) { h.of(everyone); h.say(e) }
}

func permit(who string, p ...domain.Permission) member.PermissionsChanged {
	return member.PermissionsChanged{ID: who, Granted: p}
}

var theKey = id("key")

func service(perms ...domain.Permission) workspace.APIKeyIssued {
	return workspace.APIKeyIssued{KeyID: theKey, Hash: []byte("key hash"), Permissions: perms, ExpiresAt: on(noon.Add(time.Hour))}
}

func asService(r *Request) { r.Actor = domain.Actor{Kind: domain.Service, ID: theKey.String()} }

func expired(rule workspace.ExpiredReveals) func(*history) {
	return func(h *history) {
		h.of(everyone, secret.ExpirationSet{ExpiresAt: noon})
		h.say(workspace.SettingsChanged{ExpiredReveals: &rule})
	}
}

func confirmed(r *Request) { r.ConfirmExpired = true }

func version(n int) func(*Request) { return func(r *Request) { r.ValueVersion = n } }

func fieldNamed(name string) func(*Request) { return func(r *Request) { r.Field = name } }

func revealed(n int, at time.Time) func(*history) {
	return func(h *history) {
		h.of(everyone)
		h.say(workspace.SettingsChanged{RevealLimitPerHour: on(3)})
		h.at = at
		for range n {
			h.say(reveal.FieldRevealed{Secret: theSecret, Member: ann})
		}
		h.at = noon
	}
}

func TestWhoMayAtAll(t *testing.T) {
	for _, q := range []question{
		{name: "somebody assigned reveals", given: granted(), via: ViaAssignment},
		{name: "nobody reveals while the module is off", who: olga,
			given: settings(workspace.SettingsChanged{Enabled: on(false)}), code: CodeModuleOff},
		{name: "a workspace nobody opened has the module off", given: granted(),
			ask: func(r *Request) { r.Workspace = id("elsewhere") }, code: CodeModuleOff},
		{name: "a stranger is not a member", who: "desk:stranger", given: granted(), code: CodeNotAMember},
		{name: "the operator is not a member", given: granted(),
			ask: func(r *Request) { r.Actor.Kind = domain.Operator }, code: CodeNotAMember},
		{name: "a removed member is not a member", code: CodeNotAMember,
			given: func(h *history) { h.of(everyone); h.say(member.Removed{ID: ann}) }},
		{name: "an inactive member is refused", code: CodeMemberInactive,
			given: func(h *history) { h.of(everyone); h.say(member.Synced{ID: ann, Incarnation: 1}) }},
		{name: "an inactive owner is refused", who: olga, code: CodeMemberInactive,
			given: func(h *history) { h.say(member.Synced{ID: olga, Incarnation: 1}) }},
		{name: "an owner needs no permission and no assignment", who: olga, via: ViaOwner},
		{name: "who is no longer owner needs both", who: olga, code: CodePermissionMissing,
			given: func(h *history) { h.say(member.OwnershipChanged{ID: olga}) }},
		{name: "a manager needs no assignment", who: manager, via: ViaPermission},
		{name: "without secrets.reveal nobody reveals", code: CodePermissionMissing,
			given: func(h *history) {
				h.of(everyone)
				h.say(member.PermissionsChanged{ID: ann, Revoked: []domain.Permission{domain.SecretsReveal}})
			}},
		{name: "a download needs secrets.reveal", act: Download, given: granted()},
		{name: "secrets.manage alone is not secrets.reveal", who: manager, code: CodePermissionMissing,
			given: func(h *history) {
				h.say(member.PermissionsChanged{ID: manager, Revoked: []domain.Permission{domain.SecretsReveal}})
			}},
		{name: "secrets.view lets see", act: View, given: granted()},
		{name: "modifying needs secrets.modify", act: Modify, given: granted(), code: CodePermissionMissing},
		{name: "and access", act: Modify, given: func(h *history) { h.say(permit(ann, domain.SecretsModify)) }, code: CodeNoGrant},
		{name: "with both one modifies", act: Modify, given: func(h *history) { h.of(everyone); h.say(permit(ann, domain.SecretsModify)) }},
		{name: "linking needs secrets.link", act: Link, given: granted(), code: CodePermissionMissing},
		{name: "with it one links", act: Link, given: func(h *history) { h.of(everyone); h.say(permit(ann, domain.SecretsLink)) }},
		{name: "managing needs secrets.manage", act: Manage, given: granted(), code: CodePermissionMissing},
		{name: "a manager manages", act: Manage, who: manager},
		{name: "creating needs secrets.modify and no secret", act: Create, ask: func(r *Request) { r.Secret = uuid.Nil },
			given: func(h *history) { h.say(permit(ann, domain.SecretsModify)) }},
		{name: "creating without it is refused", act: Create, code: CodePermissionMissing},
		{name: "an action nobody knows is refused", act: 99, who: olga, code: CodePermissionMissing},
		{name: "permissions given before the member was synced count for nothing", who: "desk:new", code: CodePermissionMissing,
			given: func(h *history) { h.of(everyone); h.say(permit("desk:new", domain.SecretsReveal), staff("desk:new")) }},
	} {
		t.Run(q.name, q.run)
	}
}

func TestServiceAccounts(t *testing.T) {
	for _, q := range []question{
		{name: "a service account with secrets.manage reveals", ask: asService, via: ViaPermission,
			given: func(h *history) { h.say(service(domain.SecretsReveal, domain.SecretsManage)) }},
		{name: "everyone includes service accounts", ask: asService, via: ViaAssignment,
			given: func(h *history) { h.of(everyone); h.say(service(domain.SecretsReveal)) }},
		{name: "nothing else leads one in", ask: asService, code: CodeNoGrant,
			given: func(h *history) { h.say(service(domain.SecretsReveal)) }},
		{name: "a revoked key is nobody's", ask: asService, code: CodeNotAMember,
			given: func(h *history) {
				h.of(everyone)
				h.say(service(domain.SecretsReveal), workspace.APIKeyRevoked{KeyID: theKey})
			}},
		{name: "a key has expired at its very expiry", code: CodeMemberInactive,
			ask:   func(r *Request) { asService(r); r.At = noon.Add(time.Hour) },
			given: func(h *history) { h.of(everyone); h.say(service(domain.SecretsReveal)) }},
		{name: "and not before", ask: func(r *Request) { asService(r); r.At = noon.Add(time.Hour - time.Millisecond) },
			given: func(h *history) { h.of(everyone); h.say(service(domain.SecretsReveal)) }},
		{name: "a service account never unlocks", ask: asService, code: CodeVerificationRequired,
			given: func(h *history) {
				h.say(service(domain.SecretsReveal, domain.SecretsManage),
					workspace.SettingsChanged{RevealVerification: &workspace.Verification{Required: true}})
			}},
	} {
		t.Run(q.name, q.run)
	}
}

func TestWhichSecretsAndValues(t *testing.T) {
	second := secret.ValueSet{Field: "password", ValueVersion: 2}
	for _, q := range []question{
		{name: "a secret nobody created is not found", given: granted(), ask: func(r *Request) { r.Secret = id("none") }, code: CodeNotFound},
		{name: "a reveal of no secret is not found", who: olga, ask: func(r *Request) { r.Secret = uuid.Nil }, code: CodeNotFound},
		{name: "a destroyed secret is revealed to nobody", given: granted(secret.DestroyRequested{}), code: CodeSecretDestroyed},
		{name: "nor to those who manage secrets", who: manager, given: granted(secret.DestroyRequested{}, secret.Destroyed{}), code: CodeSecretDestroyed},
		{name: "nor do they change it", who: manager, act: Manage, given: granted(secret.DestroyRequested{}), code: CodeSecretDestroyed},
		{name: "they see that it was there", who: manager, act: View, given: granted(secret.DestroyRequested{}), via: ViaPermission},
		{name: "so does an owner, of an inactive one too", who: olga, act: View, given: granted(secret.Deactivated{}, secret.DestroyRequested{}), via: ViaOwner},
		{name: "others do not", act: View, given: granted(secret.DestroyRequested{}), code: CodeSecretDestroyed},
		{name: "nothing opens it again", act: View, given: granted(secret.DestroyRequested{}, everyone, secret.Activated{}), code: CodeSecretDestroyed},
		{name: "a legal hold hides nothing", given: granted(secret.HoldPlaced{})},
		{name: "an inactive secret is hidden", given: granted(secret.Deactivated{}), code: CodeSecretInactive},
		{name: "it is also hidden from view", act: View, given: granted(secret.Deactivated{}), code: CodeSecretInactive},
		{name: "but not from managers", who: manager, given: granted(secret.Deactivated{})},
		{name: "an activated one is back", given: granted(secret.Deactivated{}, secret.Activated{})},
		{name: "without assignment, rule or permission there is no way in", code: CodeNoGrant},
		{name: "a field the template does not have is not found", given: granted(), ask: fieldNamed("pin"), code: CodeNotFound},
		{name: "so is the empty field", given: granted(), ask: fieldNamed(""), code: CodeNotFound},
		{name: "a field without a value is not set", given: granted(), ask: fieldNamed("note"), code: CodeValueNotSet},
		{name: "a field that a later version of the template added is not found", ask: fieldNamed("pin"), code: CodeNotFound,
			given: func(h *history) {
				h.of(everyone)
				h.record(theTemplate, template.Revised{Version: 2, Fields: []template.Field{{Key: "password"}, {Key: "pin"}}})
			}},
		{name: "a cleared value is not set", given: granted(secret.ValueCleared{Field: "password", ValueVersion: 2}), code: CodeValueNotSet},
		{name: "the current version may be named", given: granted(second), ask: version(2)},
		{name: "an older one is refused", given: granted(second), ask: version(1), code: CodeOlderVersion},
		{name: "unless one manages secrets", given: granted(second), who: manager, ask: version(1)},
		{name: "a version to come is not found", given: granted(second), who: manager, ask: version(3), code: CodeNotFound},
		{name: "a negative one neither", given: granted(second), who: manager, ask: version(-1), code: CodeNotFound},
		{name: "nor any of a field without a value", given: granted(), who: manager,
			ask: func(r *Request) { r.Field, r.ValueVersion = "note", 1 }, code: CodeNotFound},
		{name: "an older version that was no value is not set", who: manager, ask: version(2), code: CodeValueNotSet,
			given: granted(secret.ValueCleared{Field: "password", ValueVersion: 2}, secret.ValueSet{Field: "password", ValueVersion: 3})},
		{name: "what was before a cleared value is older", ask: version(1), code: CodeOlderVersion,
			given: granted(secret.ValueCleared{Field: "password", ValueVersion: 2})},
	} {
		t.Run(q.name, q.run)
	}
}

func TestWhatARevealTakesOnTop(t *testing.T) {
	locked := workspace.SettingsChanged{RevealVerification: &workspace.Verification{Required: true, UnlockMinutes: 5}}
	reason := workspace.SettingsChanged{Reason: on(workspace.ReasonRequired)}
	unlock := func(until time.Duration, of string) func(*history) {
		return func(h *history) {
			settings(locked)(h)
			h.unlock(ann, of, noon.Add(until))
		}
	}
	for _, q := range []question{
		{name: "verification is required", given: settings(locked), code: CodeVerificationRequired},
		{name: "of owners too", who: olga, given: settings(locked), code: CodeVerificationRequired},
		{name: "not for viewing", act: View, given: settings(locked)},
		{name: "an unlocked session reveals", given: unlock(time.Minute, "session")},
		{name: "until the unlock ends", given: unlock(0, "session"), code: CodeVerificationRequired},
		{name: "another session does not", given: unlock(time.Minute, "another"), code: CodeVerificationRequired},
		{name: "nor does a request without a session", given: unlock(time.Minute, ""), code: CodeVerificationRequired,
			ask: func(r *Request) { r.Actor.Session = "" }},

		{name: "an expired secret stays visible", act: View, given: expired(workspace.Blocked)},
		{name: "an expired secret is blocked", given: expired(workspace.Blocked), ask: confirmed, code: CodeExpiredBlocked},
		{name: "for managers too", who: manager, given: expired(workspace.Blocked), ask: confirmed, code: CodeExpiredBlocked},
		{name: "or for those who do not manage", given: expired(workspace.ManagersWithConfirmation), ask: confirmed, code: CodeExpiredBlocked},
		{name: "while managers confirm", who: manager, given: expired(workspace.ManagersWithConfirmation), code: CodeConfirmationRequired},
		{name: "and then reveal", who: manager, given: expired(workspace.ManagersWithConfirmation), ask: confirmed},
		{name: "so do owners", who: olga, given: expired(workspace.ManagersWithConfirmation), ask: confirmed},
		{name: "or for nobody who confirms", given: expired(workspace.Confirmation), code: CodeConfirmationRequired},
		{name: "who confirms reveals", given: expired(workspace.Confirmation), ask: confirmed},
		{name: "a rule that is not known blocks", given: expired("someday"), who: olga, ask: confirmed, code: CodeExpiredBlocked},
		{name: "before it expires nothing is asked", given: expired(workspace.Blocked), ask: func(r *Request) { r.At = noon.Add(-time.Millisecond) }},
		{name: "nor once the expiration is cleared",
			given: func(h *history) { expired(workspace.Blocked)(h); h.of(secret.ExpirationCleared{}) }},
		{name: "a secret may expire by its creation", code: CodeExpiredBlocked, who: olga,
			given: func(h *history) {
				other := id("other")
				h.record(other, secret.Created{Template: theTemplate, TemplateVersion: 1, ExpiresAt: &noon})
				h.record(other, secret.ValueSet{Field: "password", ValueVersion: 1})
				h.say(workspace.SettingsChanged{ExpiredReveals: on(workspace.Blocked)})
			},
			ask: func(r *Request) { r.Secret = id("other") }},

		{name: "a reason is required", given: settings(reason), code: CodeReasonRequired},
		{name: "with a reason it goes", given: settings(reason), ask: func(r *Request) { r.HasReason = true }},
		{name: "below the limit it goes", given: revealed(2, noon.Add(-time.Minute))},
		{name: "at the limit it does not", given: revealed(3, noon.Add(-time.Minute)), code: CodeRevealLimit},
		{name: "an hour ago still counts", given: revealed(3, noon.Add(-time.Hour)), code: CodeRevealLimit},
		{name: "a minute more does not", given: revealed(3, noon.Add(-61*time.Minute))},
		{name: "others' reveals do not count", who: manager, given: revealed(3, noon)},
		{name: "without a limit nothing counts",
			given: func(h *history) { revealed(3, noon)(h); h.say(workspace.SettingsChanged{RevealLimitPerHour: on(0)}) }},
	} {
		t.Run(q.name, q.run)
	}
}

func TestWhoIsAtTheLimitMayRevealWhenEnoughRevealsAreAnHourAgo(t *testing.T) {
	h := usual(t)
	r := h.ask(Reveal, ann)
	next := func() time.Time { return h.x.NextReveal(r.Workspace, r.Actor, r.At) }
	revealed(2, noon.Add(-50*time.Minute))(h)
	assert.Equal(t, noon, next(), "below the limit")
	revealed(2, noon.Add(-40*time.Minute+30*time.Second))(h)
	assert.Equal(t, CodeRevealLimit, h.x.Decide(r).Code)
	assert.True(t, noon.Add(11*time.Minute).Equal(next()), "%v: of four, two have to be over", next())
	for _, limit := range []int{4, 3, 2, 1} {
		h.say(workspace.SettingsChanged{RevealLimitPerHour: &limit})
		r.At = next().Add(-time.Microsecond)
		assert.Equal(t, CodeRevealLimit, h.x.Decide(r).Code, limit)
		r.At = next()
		assert.True(t, h.x.Decide(r).Allowed, limit)
		assert.Equal(t, r.At, next())
		r.At = noon
	}
	h.say(workspace.SettingsChanged{RevealLimitPerHour: on(0)})
	assert.Equal(t, noon, next(), "there is no limit")
	assert.Equal(t, noon, h.x.NextReveal(id("elsewhere"), r.Actor, noon))
	assert.Equal(t, noon, h.x.NextReveal(r.Workspace, domain.Actor{Kind: domain.Member, ID: "desk:stranger"}, noon))
}

func TestTheFirstConditionThatFailsIsNamed(t *testing.T) {
	h := usual(t)
	h.say(workspace.SettingsChanged{
		RevealVerification: &workspace.Verification{Required: true}, ExpiredReveals: on(workspace.Confirmation),
		Reason: on(workspace.ReasonRequired), RevealLimitPerHour: on(1), Enabled: on(false),
	}, member.Synced{ID: ann, Incarnation: 1}, member.PermissionsChanged{ID: ann, Revoked: []domain.Permission{domain.SecretsReveal}},
		reveal.FieldRevealed{Member: ann})
	h.of(secret.ExpirationSet{ExpiresAt: noon}, secret.Deactivated{}, secret.ValueCleared{Field: "password", ValueVersion: 2})
	r := h.ask(Reveal, ann)
	for _, step := range []struct {
		code string
		mend func()
	}{
		{CodeModuleOff, func() { h.say(workspace.SettingsChanged{Enabled: on(true)}) }},
		{CodeMemberInactive, func() { h.say(staff(ann)) }},
		{CodePermissionMissing, func() { h.say(permit(ann, domain.SecretsReveal)) }},
		{CodeSecretInactive, func() { h.of(secret.Activated{}) }},
		{CodeNoGrant, func() { h.of(everyone) }},
		{CodeValueNotSet, func() { h.of(secret.ValueSet{Field: "password", ValueVersion: 3}); r.ValueVersion = 1 }},
		{CodeOlderVersion, func() { r.ValueVersion = 3 }},
		{CodeVerificationRequired, func() { h.say(workspace.SettingsChanged{RevealVerification: &workspace.Verification{}}) }},
		{CodeConfirmationRequired, func() { r.ConfirmExpired = true }},
		{CodeReasonRequired, func() { r.HasReason = true }},
		{CodeRevealLimit, func() { r.At = noon.Add(2 * time.Hour) }},
		{"", func() {}},
	} {
		assert.Equal(t, step.code, h.x.Decide(r).Code)
		step.mend()
	}
}
