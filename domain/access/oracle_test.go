package access_test

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	. "github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/verification"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// oracle decides by reading the whole log anew for every question. It shares nothing with the index.
type oracle struct {
	ws  uuid.UUID
	log []domain.Recorded // of all workspaces
}

// each calls see with the events of the workspace, and with those of one secret's stream only if of is set.
func (o oracle) each(of uuid.UUID, see func(at int, e domain.Event)) {
	for i, r := range o.log {
		if r.Meta.Workspace == o.ws && (of == uuid.Nil || r.Stream == domain.Stream(domain.SecretKind, of)) {
			see(i, r.Event)
		}
	}
}

// life is one incarnation: from its first sync up to what ended it.
type life struct {
	from, to, number int
}

const ongoing = 1 << 30

func (o oracle) lives(kind, id string) (lives []life) {
	o.each(uuid.Nil, func(at int, e domain.Event) {
		k, named, number, removed := directoryFact(e)
		if k != kind || named != id {
			return
		}
		var last *life
		if n := len(lives); n > 0 && lives[n-1].to == ongoing {
			last = &lives[n-1]
		}
		if last != nil && (removed || last.number != number) {
			last.to, last = at, nil
		}
		if last == nil && !removed {
			lives = append(lives, life{at, ongoing, number})
		}
	})
	return lives
}

func directoryFact(e domain.Event) (kind, id string, number int, removed bool) {
	switch e := e.(type) {
	case member.Synced:
		return "member", e.ID, max(1, e.Incarnation), false
	case member.Removed:
		return "member", e.ID, 0, true
	case group.Synced:
		return "group", e.ID, max(1, e.Incarnation), false
	case group.Removed:
		return "group", e.ID, 0, true
	case contact.Synced:
		return "contact", e.ID, max(1, e.Incarnation), false
	case contact.Removed:
		return "contact", e.ID, 0, true
	case ticket.Synced:
		return "ticket", e.ID, max(1, e.Incarnation), false
	case ticket.Removed:
		return "ticket", e.ID, 0, true
	}
	return "", "", 0, false
}

func (o oracle) now(kind, id string) (life, bool) {
	lives := o.lives(kind, id)
	if n := len(lives); n > 0 && lives[n-1].to == ongoing {
		return lives[n-1], true
	}
	return life{}, false
}

// meant tells whether a directory fact recorded at a place in the log is about the incarnation that is there now.
func (o oracle) meant(kind, id string, at int) bool {
	for _, l := range o.lives(kind, id) {
		if l.to != ongoing && l.to > at {
			return false
		}
	}
	_, there := o.now(kind, id)
	return there
}

// chosen tells the same of what a person recorded: that it was there and the one named.
func (o oracle) chosen(kind, id string, number, at int) bool {
	l, there := o.now(kind, id)
	return there && l.from <= at && (number == 0 || number == l.number)
}

func (o oracle) inGroup(m, g string) bool {
	l, there := o.now("group", g)
	added := -1
	o.each(uuid.Nil, func(at int, e domain.Event) {
		if s, ok := e.(group.Synced); ok && there && at >= l.from && s.ID == g {
			if slices.Contains(s.Removed, m) {
				added = -1
			}
			if slices.Contains(s.Added, m) {
				added = at
			}
		}
	})
	return added >= 0 && o.meant("member", m, added)
}

func (o oracle) owns(m, c string) bool {
	l, there := o.now("contact", c)
	added := -1
	o.each(uuid.Nil, func(at int, e domain.Event) {
		if s, ok := e.(contact.Synced); ok && there && at >= l.from && s.ID == c {
			if slices.Contains(s.OwnersRemoved, m) {
				added = -1
			}
			if slices.Contains(s.OwnersAdded, m) {
				added = at
			}
		}
	})
	return added >= 0 && o.meant("member", m, added)
}

// ticket returns the latest sync of a ticket that is there, and where it is in the log.
func (o oracle) ticket(t string) (last ticket.Synced, at int, there bool) {
	o.each(uuid.Nil, func(i int, e domain.Event) {
		if s, ok := e.(ticket.Synced); ok && s.ID == t {
			last, at = s, i
		}
	})
	_, there = o.now("ticket", t)
	return last, at, there
}

// person is who asks.
type person struct {
	synced      member.Synced
	owner       bool
	permissions []domain.Permission
}

func (p person) may(q domain.Permission) bool { return p.owner || slices.Contains(p.permissions, q) }

func (o oracle) person(a domain.Actor, now time.Time) (p person, code string) {
	if a.Kind == domain.Service {
		code = CodeNotAMember
		o.each(uuid.Nil, func(_ int, e domain.Event) {
			switch e := e.(type) {
			case workspace.APIKeyIssued:
				if e.KeyID.String() == a.ID {
					p.permissions, code = e.Permissions, ""
					if e.ExpiresAt != nil && !now.Before(*e.ExpiresAt) {
						code = CodeMemberInactive
					}
				}
			case workspace.APIKeyRevoked:
				if e.KeyID.String() == a.ID {
					code = CodeNotAMember
				}
			}
		})
		return p, code
	}
	l, there := o.now("member", a.ID)
	if !there || a.Kind != domain.Member {
		return p, CodeNotAMember
	}
	o.each(uuid.Nil, func(at int, e domain.Event) {
		if who, ok := MemberOf(e); !ok || who != a.ID || at < l.from {
			return
		}
		switch e := e.(type) {
		case member.Synced:
			p.synced = e
		case member.OwnershipChanged:
			p.owner = e.Owner
		case member.PermissionsChanged:
			p.permissions = slices.DeleteFunc(p.permissions, func(q domain.Permission) bool { return slices.Contains(e.Revoked, q) })
			p.permissions = append(p.permissions, e.Granted...)
		}
	})
	if !p.synced.Active {
		return p, CodeMemberInactive
	}
	return p, ""
}

// view is what a secret's own stream says.
type view struct {
	created  *secret.Created
	inactive bool
	ended    bool
	expires  *time.Time
	version  int
	values   map[string][]bool // by field: whether each version is a value
	grants   []named[secret.AccessGranted]
	rules    []secret.RuleAdded
	tickets  []named[secret.TicketLinked]
	contacts []named[secret.ContactRelated]
}

// named is a fact that names a thing, and where it is in the log.
type named[T any] struct {
	fact T
	at   int
}

func drop[T any](list []named[T], same func(T) bool) []named[T] {
	return slices.DeleteFunc(list, func(n named[T]) bool { return same(n.fact) })
}

func (o oracle) secret(of uuid.UUID) (v view) {
	v.values = map[string][]bool{}
	o.each(of, func(at int, e domain.Event) {
		switch e := e.(type) {
		case secret.Created:
			v.created, v.expires, v.version = &e, e.ExpiresAt, e.TemplateVersion
		case secret.DestroyRequested:
			v.ended = true
		case secret.TemplateUpgraded:
			v.version = e.To
		case secret.Activated:
			v.inactive = false
		case secret.Deactivated:
			v.inactive = true
		case secret.ExpirationSet:
			v.expires = &e.ExpiresAt
		case secret.ExpirationCleared:
			v.expires = nil
		case secret.ValueSet:
			v.values[e.Field] = append(v.values[e.Field], true)
		case secret.ValueCleared:
			v.values[e.Field] = append(v.values[e.Field], false)
		case secret.FileAttached:
			v.values[e.Field] = append(v.values[e.Field], true)
		case secret.FileRemoved:
			v.values[e.Field] = append(v.values[e.Field], false)
		case secret.RuleAdded:
			v.rules = slices.DeleteFunc(v.rules, func(r secret.RuleAdded) bool { return r.RuleID == e.RuleID })
			v.rules = append(v.rules, e)
		case secret.RuleRemoved:
			v.rules = slices.DeleteFunc(v.rules, func(r secret.RuleAdded) bool { return r.RuleID == e.RuleID })
		default:
			o.relate(&v, at, e)
		}
	})
	return v
}

func (o oracle) relate(v *view, at int, e domain.Event) {
	switch e := e.(type) {
	case secret.AccessGranted:
		personal := e.Kind == secret.ToMember || e.Kind == secret.ToGroup
		if !personal || o.chosen(string(e.Kind), e.Target, e.Incarnation, at) {
			v.grants = drop(v.grants, func(g secret.AccessGranted) bool { return g.Kind == e.Kind && g.Target == e.Target })
			v.grants = append(v.grants, named[secret.AccessGranted]{e, at})
		}
	case secret.AccessRevoked:
		v.grants = drop(v.grants, func(g secret.AccessGranted) bool { return g.Kind == e.Kind && g.Target == e.Target })
	case secret.TicketLinked:
		if o.chosen("ticket", e.Ticket, e.Incarnation, at) {
			v.tickets = drop(v.tickets, func(l secret.TicketLinked) bool { return l.Ticket == e.Ticket })
			v.tickets = append(v.tickets, named[secret.TicketLinked]{e, at})
		}
	case secret.TicketUnlinked:
		v.tickets = drop(v.tickets, func(l secret.TicketLinked) bool { return l.Ticket == e.Ticket })
	case secret.ContactRelated:
		if o.chosen("contact", e.Contact, e.Incarnation, at) {
			v.contacts = drop(v.contacts, func(l secret.ContactRelated) bool { return l.Contact == e.Contact })
			v.contacts = append(v.contacts, named[secret.ContactRelated]{e, at})
		}
	case secret.ContactUnrelated:
		v.contacts = drop(v.contacts, func(l secret.ContactRelated) bool { return l.Contact == e.Contact })
	}
}

// wayIn returns how an actor gets in to a secret, as a decision would say it; false if not at all.
func (o oracle) wayIn(v view, p person, a domain.Actor) (d domain.Decision, ok bool) {
	if p.owner {
		return domain.Decision{Via: ViaOwner}, true
	}
	if p.may(domain.SecretsManage) {
		return domain.Decision{Via: ViaPermission}, true
	}
	isMember := a.Kind == domain.Member
	for _, kind := range []secret.AssignmentKind{secret.ToMember, secret.ToGroup, secret.ToDivision, secret.ToEveryone} {
		for _, g := range v.grants {
			to := g.fact.Target
			if g.fact.Kind == kind && (kind == secret.ToEveryone && to == "all" || isMember && (kind == secret.ToMember && to == a.ID ||
				kind == secret.ToGroup && o.inGroup(a.ID, to) || kind == secret.ToDivision && to != "" && to == p.synced.Division)) {
				return domain.Decision{Via: ViaAssignment, Kind: string(kind), Target: to}, true
			}
		}
	}
	for _, r := range v.rules {
		if t, c, ok := o.matches(v, r, a.ID); ok && isMember {
			return domain.Decision{Via: ViaRule, Kind: string(r.Kind), Rule: r.RuleID.String(), Ticket: t, Contact: c}, true
		}
	}
	return d, false
}

func (o oracle) matches(v view, r secret.RuleAdded, m string) (throughTicket, throughContact string, ok bool) {
	switch r.Kind {
	case secret.ContactOwner:
		for _, c := range v.contacts {
			if r.While == secret.Always && o.owns(m, c.fact.Contact) {
				return "", c.fact.Contact, true
			}
		}
	case secret.ContactTicketAssignee:
		for _, c := range v.contacts {
			for _, t := range o.ticketsByAge() {
				s, at, _ := o.ticket(t)
				if (s.Contact == c.fact.Contact || slices.Contains(s.Contacts, c.fact.Contact)) && o.meant("contact", c.fact.Contact, at) && o.part(t, secret.TicketAssignee, r.While, m) {
					return t, c.fact.Contact, true
				}
			}
		}
	case secret.CategoryAssignee:
		for _, t := range o.ticketsByAge() {
			if s, _, _ := o.ticket(t); r.Value != "" && s.Category == r.Value && o.part(t, secret.TicketAssignee, r.While, m) {
				return t, "", true
			}
		}
	default:
		for _, l := range v.tickets {
			if o.part(l.fact.Ticket, r.Kind, r.While, m) {
				return l.fact.Ticket, "", true
			}
		}
	}
	return "", "", false
}

// ticketsByAge returns those that are there, the one known longest first.
func (o oracle) ticketsByAge() (ids []string) {
	o.each(uuid.Nil, func(at int, e domain.Event) {
		if s, ok := e.(ticket.Synced); ok {
			if l, there := o.now("ticket", s.ID); there && l.from == at {
				ids = append(ids, s.ID)
			}
		}
	})
	return ids
}

func (o oracle) part(t string, kind secret.RuleKind, while secret.While, m string) bool {
	s, at, there := o.ticket(t)
	if !there || while == secret.TicketOpen && s.Status != ticket.Open {
		return false
	}
	if kind == secret.TicketGroup {
		return slices.ContainsFunc(s.Groups, func(g string) bool { return o.meant("group", g, at) && o.inGroup(m, g) })
	}
	named := map[secret.RuleKind][]string{secret.TicketAssignee: s.Assignees, secret.TicketFollower: s.Followers,
		secret.TicketCreator: {s.CreatedBy}, secret.TicketApprover: s.Approvers}[kind]
	return slices.Contains(named, m) && o.meant("member", m, at)
}

func (o oracle) settings() workspace.Settings {
	s := workspace.Defaults()
	o.each(uuid.Nil, func(_ int, e domain.Event) {
		if c, ok := e.(workspace.SettingsChanged); ok {
			s = s.With(c)
		}
	})
	return s
}

// decide judges a request. Its decisions bear no evidence.
func (o oracle) decide(r Request) domain.Decision {
	d, code := o.judge(r)
	d.Code, d.Allowed, d.PolicyVersion = code, code == "", PolicyVersion
	return d
}

func (o oracle) judge(r Request) (d domain.Decision, code string) {
	settings := o.settings()
	p, code := o.person(r.Actor, r.At)
	needed := map[Action]domain.Permission{View: domain.SecretsView, Reveal: domain.SecretsReveal, Download: domain.SecretsReveal,
		Modify: domain.SecretsModify, Link: domain.SecretsLink, Manage: domain.SecretsManage}[r.Action]
	v := o.secret(r.Secret)
	manages := p.may(domain.SecretsManage)
	switch {
	case !settings.Enabled:
		return d, CodeModuleOff
	case code != "":
		return d, code
	case !p.may(needed):
		return d, CodePermissionMissing
	case v.created == nil:
		return d, CodeNotFound
	case v.ended && (r.Action != View || !manages):
		return d, CodeSecretDestroyed
	case v.inactive && !manages:
		return d, CodeSecretInactive
	}
	d, ok := o.wayIn(v, p, r.Actor)
	switch {
	case !ok:
		return d, CodeNoGrant
	case r.Action == Reveal || r.Action == Download:
		return d, o.reveal(r, settings, v, manages)
	}
	return d, ""
}

func (o oracle) reveal(r Request, settings workspace.Settings, v view, manages bool) string {
	history := v.values[r.Field]
	n := r.ValueVersion
	if n == 0 {
		n = len(history)
	}
	isExpired := v.expires != nil && !r.At.Before(*v.expires)
	switch {
	case len(history) == 0 && (r.ValueVersion != 0 || !o.hasField(v, r.Field)):
		return CodeNotFound
	case len(history) == 0:
		return CodeValueNotSet
	case n < 1 || n > len(history):
		return CodeNotFound
	case !history[n-1]:
		return CodeValueNotSet
	case n < len(history) && !manages:
		return CodeOlderVersion
	case settings.RevealVerification.Required && !o.unlocked(r.Actor, r.At):
		return CodeVerificationRequired
	case isExpired && (settings.ExpiredReveals == workspace.Blocked || settings.ExpiredReveals == workspace.ManagersWithConfirmation && !manages):
		return CodeExpiredBlocked
	case isExpired && !r.ConfirmExpired:
		return CodeConfirmationRequired
	case settings.Reason == workspace.ReasonRequired && !r.HasReason:
		return CodeReasonRequired
	case settings.RevealLimitPerHour > 0 && o.revealsSince(r) >= settings.RevealLimitPerHour:
		return CodeRevealLimit
	}
	return ""
}

// unlocked tells whether an actor's session is: some challenge of it was answered, and neither before nor after that did
// anything take effect that ends it.
func (o oracle) unlocked(a domain.Actor, now time.Time) bool {
	l, there := o.now("member", a.ID)
	if a.Kind != domain.Member || !there || a.Session == "" {
		return false
	}
	var pending *verification.Requested
	var until time.Time
	var email []byte
	var moved time.Time // when the address last took another one's place
	o.each(uuid.Nil, func(at int, e domain.Event) {
		if at < l.from {
			return
		}
		reset := false
		switch e := e.(type) {
		case workspace.SettingsChanged:
			reset = e.Enabled != nil || e.RevealVerification != nil
		case member.Synced:
			reset = e.ID == a.ID && (!e.Active || string(e.EmailHash) != string(email))
			if e.ID == a.ID {
				if string(e.EmailHash) != string(email) && (len(email) > 0 || !moved.IsZero()) {
					moved = o.log[at].At
				}
				email = e.EmailHash
			}
		case member.IdentityBound:
			reset = e.ID == a.ID
		case member.IdentityUnbound:
			reset = e.ID == a.ID
		case verification.Requested:
			if e.Member == a.ID && (moved.IsZero() || !e.At.Before(moved.Add(AddressHold))) {
				pending = &e
			}
		case verification.Ended:
			if e.Member == a.ID && pending != nil && pending.Challenge == e.Challenge {
				pending = nil
			}
		case verification.Locked:
			if e.Member == a.ID && e.Session == a.Session {
				until = time.Time{}
			}
		case verification.Unlocked:
			if e.Member == a.ID && pending != nil && pending.Challenge == e.Challenge && pending.Session == e.Session && e.Session != "" {
				pending = nil
				if e.Session == a.Session {
					until = e.UnlockedUntil
				}
			}
		}
		if reset {
			pending, until = nil, time.Time{}
		}
	})
	return now.Before(until)
}

func (o oracle) hasField(v view, key string) (has bool) {
	o.eachOf(domain.Stream(domain.TemplateKind, v.created.Template), func(e domain.Event) {
		keyed := func(f template.Field) bool { return f.Key == key }
		switch e := e.(type) {
		case template.Created:
			has = has || v.version == 1 && slices.ContainsFunc(e.Fields, keyed)
		case template.Revised:
			has = has || v.version == e.Version && slices.ContainsFunc(e.Fields, keyed)
		}
	})
	return has
}

func (o oracle) eachOf(stream string, see func(domain.Event)) {
	for _, r := range o.log {
		if r.Stream == stream && r.Meta.Workspace == o.ws {
			see(r.Event)
		}
	}
}

func (o oracle) revealsSince(r Request) (n int) {
	from := r.At.Truncate(time.Minute).Add(-time.Hour)
	for _, e := range o.log {
		f, ok := e.Event.(reveal.FieldRevealed)
		if ok && e.Meta.Workspace == o.ws && f.Member == r.Actor.ID && !e.At.Before(from) {
			n++
		}
	}
	return n
}
