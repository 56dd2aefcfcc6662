package access_test

import (
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	. "github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/catalog"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/verification"
	"github.com/kdesk/client-secrets/domain/workspace"
)

func TestEveryCataloguedEventIsFolded(t *testing.T) {
	for _, typ := range catalog.Types() {
		p, err := typ.Unmarshal([]byte("{}"))
		require.NoError(t, err)
		ws := id("workspace")
		stream := domain.Stream(typ.Aggregate, ws)
		switch typ.Aggregate {
		case domain.MemberKind, domain.GroupKind, domain.ContactKind, domain.TicketKind:
			stream = domain.DirectoryStream(ws, typ.Aggregate, ann)
			reflect.ValueOf(p).Elem().FieldByName("ID").SetString(ann)
		case domain.VerificationKind:
			stream = domain.DirectoryStream(ws, typ.Aggregate, ann)
			reflect.ValueOf(p).Elem().FieldByName("Member").SetString(ann)
		}
		r := domain.Recorded{Stream: stream, Position: 1, Meta: domain.Meta{Workspace: ws}, Event: typ.Event(p)}
		assert.NoError(t, NewIndex().Apply(r), typ.Name)
	}
}

type strange struct{}

func (strange) EventType() string { return "secret.painted.v1" }

func TestEventsThatCannotBeTrueStopTheFold(t *testing.T) {
	elsewhere := func(r *domain.Recorded) { r.Meta.Workspace = id("elsewhere") }
	for _, c := range []struct {
		name  string
		event domain.Event
		as    func(*domain.Recorded)
	}{
		{"a type that is not known", strange{}, nil},
		{"a type in a stream of another kind", staff(ann), func(r *domain.Recorded) { r.Stream = domain.Stream(domain.SecretKind, theSecret) }},
		{"a secret of another workspace", secret.Deactivated{}, elsewhere},
		{"a secret created again elsewhere", secret.Created{}, elsewhere},
		{"a workspace's event under another", workspace.SettingsChanged{}, elsewhere},
		{"a member of another workspace", staff(ann), elsewhere},
		{"a member in the stream of another", staff(ann), func(r *domain.Recorded) { r.Stream = domain.DirectoryStream(id("workspace"), domain.MemberKind, olga) }},
		{"a ticket of another workspace", open(t1, nil), elsewhere},
		{"a group of another workspace", team(), elsewhere},
		{"a group's removal in another's stream", group.Removed{ID: crew}, elsewhere},
		{"a contact of another workspace", customer(), elsewhere},
		{"a contact erased in another's stream", contact.Erased{ID: acme}, elsewhere},
		{"a reveal under another workspace", service(), func(r *domain.Recorded) { r.Stream = domain.Stream(domain.RevealsKind, id("elsewhere")) }},
		{"a verification in the stream of another", verification.Locked{Member: ann}, func(r *domain.Recorded) {
			r.Stream = domain.DirectoryStream(id("workspace"), domain.VerificationKind, olga)
		}},
		{"a verification under another workspace", verification.Locked{Member: ann}, elsewhere},
		{"a stream that is none", staff(ann), func(r *domain.Recorded) { r.Stream = "member" }},
		{"a position that was passed", staff(ann), func(r *domain.Recorded) { r.Position = 10 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := usual(t)
			h.of(everyone)
			at, before := h.x.Position(), h.x.Fingerprint()
			r := h.make(h.stream(theSecret, c.event), c.event)
			if c.as != nil {
				c.as(&r)
			}
			require.Error(t, h.x.Apply(r))
			assert.Equal(t, at, h.x.Position())
			assert.Empty(t, h.x.Decide(h.ask(Reveal, ann)).Code)
			assert.Equal(t, before, h.x.Fingerprint())
		})
	}
}

func TestIdentities(t *testing.T) {
	h := usual(t)
	mine, other := []byte("hash of ann"), []byte("another hash")
	names := func(hash []byte) (list []string) {
		for _, m := range h.x.Memberships(hash) {
			list = append(list, m.Member)
		}
		return list
	}
	assert.Empty(t, names(mine))
	h.say(member.IdentityBound{ID: ann, SubjectHash: mine})
	assert.Equal(t, []Membership{{Workspace: h.ws, Member: ann, Active: true, Enabled: true,
		Permissions: NewPermissionSet(domain.SecretsView, domain.SecretsReveal)}}, h.x.Memberships(mine))
	h.say(member.IdentityBound{ID: ann, SubjectHash: other})
	assert.Empty(t, names(mine), "one sign-in takes the other's place")
	assert.Equal(t, []string{ann}, names(other))
	h.say(member.IdentityUnbound{ID: ann, SubjectHash: other})
	assert.Empty(t, names(other))

	h.say(member.IdentityBound{ID: ann, SubjectHash: mine}, member.Synced{ID: ann, Incarnation: 1})
	assert.False(t, h.x.Memberships(mine)[0].Active)
	first := h.ws
	h.ws = id("elsewhere")
	h.say(staff(olga), member.OwnershipChanged{ID: olga, Owner: true}, member.IdentityBound{ID: olga, SubjectHash: mine})
	assert.ElementsMatch(t, []string{ann, olga}, names(mine))
	h.ws = first
	h.say(member.Removed{ID: ann}, member.Synced{ID: ann, Incarnation: 2, Active: true})
	assert.Equal(t, []string{olga}, names(mine), "who returns is signed in by nothing")
	assert.Equal(t, []string{olga}, namesOf(throughSnapshot(t, h.x).Memberships(mine)))
}

func namesOf(list []Membership) (ids []string) {
	for _, m := range list {
		ids = append(ids, m.Member)
	}
	return ids
}

func TestServiceAccountsAreFoundByTheirKeys(t *testing.T) {
	h := usual(t)
	_, _, _, ok := h.x.ServiceAccount([]byte("key hash"))
	assert.False(t, ok)
	h.say(service(domain.SecretsView))
	ws, key, expires, ok := h.x.ServiceAccount([]byte("key hash"))
	assert.Equal(t, []any{h.ws, theKey, noon.Add(time.Hour), true}, []any{ws, key, *expires, ok})
	h.say(workspace.APIKeyRevoked{KeyID: theKey})
	_, _, _, ok = h.x.ServiceAccount([]byte("key hash"))
	assert.False(t, ok)
}

func TestWhatIsThere(t *testing.T) {
	h := usual(t)
	x, ws := h.x, h.ws
	h.say(team(), customer(), open(t1, assignedTo("desk:unheard")))
	assert.True(t, x.HasMember(ws, ann) && x.HasGroup(ws, crew) && x.HasContact(ws, acme) && x.HasTicket(ws, t1))
	assert.True(t, x.HasSecret(ws, theSecret) && x.HasTemplate(ws, theTemplate))
	none := id("elsewhere")
	assert.False(t, x.HasMember(none, ann) || x.HasGroup(none, crew) || x.HasContact(none, acme) || x.HasTicket(none, t1))
	assert.False(t, x.HasSecret(none, theSecret) || x.HasTemplate(none, theTemplate) || x.HasSecret(ws, theTemplate))
	assert.False(t, x.HasMember(ws, "desk:unheard"), "a ticket names him, the directory does not know him")
	assert.Equal(t, Footprint{Workspaces: 1, Members: 3, Groups: 1, Contacts: 1, Tickets: 1, Secrets: 1, Templates: 1}, x.Footprint())
	h.say(group.Removed{ID: crew}, contact.Removed{ID: acme}, ticket.Removed{ID: t1}, member.Removed{ID: manager})
	assert.False(t, x.HasMember(ws, manager) || x.HasGroup(ws, crew) || x.HasContact(ws, acme) || x.HasTicket(ws, t1))
	number, there := x.Incarnation(ws, domain.MemberKind, ann)
	assert.True(t, there && number == 1)

	assert.Equal(t, []string{olga}, x.Owners(ws))
	h.say(member.OwnershipChanged{ID: ann, Owner: true})
	assert.Equal(t, []string{ann, olga}, x.Owners(ws))
	h.say(member.Synced{ID: olga, Incarnation: 1})
	assert.Equal(t, []string{ann}, x.Owners(ws), "who is inactive cannot look after a workspace")

	settings, there := x.Settings(ws)
	assert.True(t, there && settings.Enabled)
	_, there = x.Settings(none)
	assert.False(t, there)
	assert.False(t, x.Expired(ws, theSecret, noon))
	h.of(secret.ExpirationSet{ExpiresAt: noon})
	assert.True(t, x.Expired(ws, theSecret, noon))
	assert.False(t, x.Expired(none, theSecret, noon))
}

func TestPermissions(t *testing.T) {
	h := usual(t)
	of := func(kind domain.ActorKind, id string) (PermissionSet, bool) {
		return h.x.Permissions(h.ws, domain.Actor{Kind: kind, ID: id}, noon)
	}
	set, ok := of(domain.Member, olga)
	assert.True(t, ok)
	assert.Equal(t, domain.Permissions(), set.List())
	set, _ = of(domain.Member, ann)
	assert.True(t, set.Has(domain.SecretsView) && !set.Has(domain.SecretsManage) && set.MeetsClientSecrets() && !set.Has("moon.walk"))
	assert.False(t, NewPermissionSet(domain.AuditRead).MeetsClientSecrets())
	assert.True(t, set.HasAll(NewPermissionSet(domain.SecretsReveal)) && !set.HasAll(NewPermissionSet(domain.SecretsReveal, domain.AuditRead)))
	_, ok = of(domain.Member, "desk:stranger")
	assert.False(t, ok)
	_, ok = of(domain.Service, ann)
	assert.False(t, ok)
	h.say(workspace.SettingsChanged{Enabled: on(false)}, service(domain.AuditRead))
	set, ok = of(domain.Service, theKey.String())
	assert.True(t, ok && set.Has(domain.AuditRead), "permissions do not ask whether the module is on")
}

func TestTheTicketPanelFindsWhatMatters(t *testing.T) {
	h := usual(t)
	h.say(customer(), open(t1, func(e *ticket.Synced) { e.Contact = acme }), open(t2, nil))
	both, byContact := id("both"), id("by contact")
	for _, s := range []uuid.UUID{both, byContact} {
		h.record(s, secret.Created{})
		h.record(s, related(acme))
	}
	h.record(both, linked(t1))
	h.of(linked(t1))
	assert.Equal(t, []Candidate{{theSecret, []string{WhyLinked}}, {both, []string{WhyLinked, WhyContact}}, {byContact, []string{WhyContact}}},
		h.x.TicketSecrets(h.ws, t1))
	assert.Empty(t, h.x.TicketSecrets(h.ws, t2))
	assert.Empty(t, h.x.TicketSecrets(h.ws, "desk:none"))
	h.say(contact.Removed{ID: acme})
	assert.Len(t, h.x.TicketSecrets(h.ws, t1), 2)
	h.say(ticket.Removed{ID: t1})
	assert.Empty(t, h.x.TicketSecrets(h.ws, t1))
}

func TestViewersComeInPages(t *testing.T) {
	h := usual(t)
	h.of(everyone)
	h.say(service(domain.SecretsView))
	var all []string
	for after := ""; ; {
		page := h.x.Viewers(h.ws, theSecret, noon, after, 2)
		if len(page) == 0 {
			break
		}
		for _, v := range page {
			all = append(all, v.Actor.ID)
		}
		after = all[len(all)-1]
	}
	assert.True(t, slices.IsSorted(all))
	assert.ElementsMatch(t, []string{ann, olga, theKey.String(), manager}, all)
}

func TestReadersRunSideBySide(t *testing.T) {
	h := usual(t)
	h.of(everyone)
	h.say(open(t1, assignedTo(ann)))
	before := h.x.Fingerprint()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				h.x.Decide(h.ask(Reveal, ann))
				h.x.Accessible(h.ws, domain.Actor{Kind: domain.Member, ID: ann}, noon)
				h.x.TicketSecrets(h.ws, t1)
				h.x.Viewers(h.ws, theSecret, noon, "", 10)
			}
		})
	}
	group.Wait()
	assert.Equal(t, before, h.x.Fingerprint())
}
