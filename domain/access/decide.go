package access

import (
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// Decide judges a request. It is allowed, or refused with the code of the first condition that failed; either way it says
// on which recorded facts. Several ways in are explained by the first in a fixed order (see Ways).
//
// Conditions of all actions: the module is on, the actor is a member or service account of the workspace and active, has
// the permission, the secret is there, is not destroyed, is active unless the actor manages secrets, and some way leads in. Reveal and
// Download look further: the field has a value; a version that is not the current one is for those who manage secrets;
// the session is unlocked if the workspace wants that; an expired secret may be revealed and that was confirmed; there is
// a reason if the workspace wants one; and the actor has revealed less than the limit in the last hour.
//
// Who may not even View a secret must not learn from the code that it is there: answering 404 is the caller's part.
func (x *Index) Decide(r Request) domain.Decision {
	v := x.judge(&r)
	return v.explain()
}

// verdict is the outcome of a request with what it rests on, as far as it was looked at.
type verdict struct {
	code       string
	space      *space
	subject    subject
	permission int
	secret     *record
	way        way
	field      *field
	older      bool
	expired    bool
	unlock     *unlock
}

func (x *Index) judge(r *Request) (v verdict) {
	v.space = x.spaces[r.Workspace]
	if v.space == nil {
		v.code = CodeModuleOff
		return v
	}
	if v.code = v.admit(r); v.code != "" || r.Action == Create {
		return v
	}
	ref, ok := x.secrets[r.Secret]
	if !ok || ref.space != v.space {
		v.code = CodeNotFound
		return v
	}
	v.secret = v.space.secrets[ref.slot]
	v.code = v.enter(r.Action)
	if v.code == "" && (r.Action == Reveal || r.Action == Download) {
		v.code = v.unmask(r)
	}
	return v
}

var needs = [...]domain.Permission{View: domain.SecretsView, Reveal: domain.SecretsReveal, Download: domain.SecretsReveal,
	Modify: domain.SecretsModify, Link: domain.SecretsLink, Manage: domain.SecretsManage, Create: domain.SecretsModify}

// admit looks at the conditions that are about no secret.
func (v *verdict) admit(r *Request) string {
	if !v.space.settings.Enabled {
		return CodeModuleOff
	}
	var code string
	if v.subject, code = v.space.subject(r.Actor, instantOf(r.At)); code != "" {
		return code
	}
	v.permission = -1
	if r.Action > 0 && int(r.Action) < len(needs) {
		v.permission = permissionNumber(needs[r.Action])
	}
	if v.permission < 0 || v.subject.permissions&(1<<v.permission) == 0 {
		return CodePermissionMissing
	}
	return ""
}

// subject finds who an actor is; else the code says why it is nobody.
func (s *space) subject(a domain.Actor, at instant) (u subject, code string) {
	switch a.Kind {
	case domain.Member:
		m := s.members.live(a.ID)
		switch {
		case m == nil:
			return u, CodeNotAMember
		case !m.Active:
			return subject{member: m}, CodeMemberInactive
		}
		return subjectOf(m), ""
	case domain.Service:
		id, err := uuid.Parse(a.ID)
		k := s.keys[id]
		switch {
		case err != nil || k == nil:
			return u, CodeNotAMember
		case at >= k.Expires:
			return subject{key: k}, CodeMemberInactive
		}
		return subject{key: k, permissions: k.Permissions}, ""
	}
	return u, CodeNotAMember
}

func subjectOf(m *member) subject {
	if m.Owner {
		return subject{member: m, owner: true, permissions: everyPermission}
	}
	return subject{member: m, permissions: m.Permissions}
}

// enter looks at the conditions that every use of a secret has.
func (v *verdict) enter(a Action) string {
	switch manages := v.subject.manages(); {
	case v.secret.Ended != 0 && (a != View || !manages):
		return CodeSecretDestroyed
	case v.secret.Inactive && !manages:
		return CodeSecretInactive
	}
	closed := v.space.ways(v.secret, &v.subject, func(w way) bool {
		v.way = w
		return false
	})
	if closed {
		return CodeNoGrant
	}
	return ""
}

// unmask looks at the conditions that come on top before a value is given out.
func (v *verdict) unmask(r *Request) string {
	if code := v.findValue(r); code != "" {
		return code
	}
	settings := &v.space.settings
	if settings.RevealVerification.Required && !v.unlocked(r) {
		return CodeVerificationRequired
	}
	if code := v.checkExpiry(r, settings.ExpiredReveals); code != "" {
		return code
	}
	if settings.Reason == workspace.ReasonRequired && !r.HasReason {
		return CodeReasonRequired
	}
	if v.space.nextReveal(r.Actor, r.At).After(r.At) {
		return CodeRevealLimit
	}
	return ""
}

func (v *verdict) findValue(r *Request) string {
	key, _ := v.space.names.find(r.Field)
	f := v.secret.field(key)
	version := uint32(r.ValueVersion)
	switch {
	case key == 0:
		return CodeNotFound
	case f == nil && (r.ValueVersion != 0 || !v.inForm(key)):
		return CodeNotFound
	case f == nil:
		return CodeValueNotSet
	case r.ValueVersion < 0 || r.ValueVersion > int(f.Version):
		return CodeNotFound
	case r.ValueVersion == 0:
		version = f.Version
	}
	v.field, v.older = f, version != f.Version
	switch {
	case f.cleared(version):
		return CodeValueNotSet
	case v.older && !v.subject.manages():
		return CodeOlderVersion
	}
	return ""
}

// inForm tells whether the secret's template has a field, in the version the secret was made with.
func (v *verdict) inForm(key name) bool {
	f := v.space.forms[v.secret.Template]
	return f != nil && slices.Contains(f.Versions[v.secret.TemplateVersion], key)
}

func (f *field) cleared(version uint32) bool { return slices.Contains(f.Cleared, version) }

// unlocked tells whether the actor's session is unlocked. A service account never is.
func (v *verdict) unlocked(r *Request) bool {
	if v.subject.member == nil || r.Actor.Session == "" {
		return false
	}
	u, ok := v.space.unlocks[session{v.subject.member.Slot, r.Actor.Session}]
	if ok = ok && instantOf(r.At) < u.Until; ok {
		v.unlock = &u
	}
	return ok
}

func (v *verdict) checkExpiry(r *Request, rule workspace.ExpiredReveals) string {
	if instantOf(r.At) < v.secret.Expires {
		return ""
	}
	v.expired = true
	switch {
	case rule == workspace.Confirmation, rule == workspace.ManagersWithConfirmation && v.subject.manages():
		if !r.ConfirmExpired {
			return CodeConfirmationRequired
		}
		return ""
	}
	return CodeExpiredBlocked
}
