package access_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

// A small world, so that random facts meet each other. Both workspaces use the same foreign ids.
var (
	worlds    = []uuid.UUID{id("workspace"), id("elsewhere")}
	people    = []string{ann, manager, olga}
	teams     = []string{crew, "desk:club"}
	customers = []string{acme, "desk:globex"}
	tickets   = []string{t1, t2, t3}
	shelf     = map[uuid.UUID][]uuid.UUID{worlds[0]: {theSecret, id("s2")}, worlds[1]: {id("s3"), id("s4")}}
	forms     = map[uuid.UUID]uuid.UUID{worlds[0]: theTemplate, worlds[1]: id("template2")}
	fields    = []string{"password", "note"}
)

// dice choose evenly, which rapid would not: it draws their seed only.
type dice = *rand.Rand

func one[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// some chooses up to two.
func some(d dice, of []string) (chosen []string) {
	for _, i := range d.Perm(len(of))[:d.IntN(3)] {
		chosen = append(chosen, of[i])
	}
	return chosen
}

// randomHistory records up to size random facts, after a beginning that makes it likely that somebody may do something.
func randomHistory(rt *rapid.T, t testing.TB, size int) (*history, dice) {
	d := rand.New(rand.NewChaCha8([32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "seed"))))
	h := newHistory(t)
	for _, ws := range worlds {
		h.ws = ws
		h.say(workspace.Opened{Owner: olga}, workspace.SettingsChanged{Enabled: on(true)}, serviceIn(ws, domain.SecretsReveal))
		for _, m := range people {
			h.say(staff(m), permit(m, domain.SecretsView, domain.SecretsReveal))
		}
		h.record(forms[ws], template.Created{Fields: []template.Field{{Key: "password"}}})
		h.record(forms[ws], template.Revised{Version: 2, Fields: []template.Field{{Key: "password"}, {Key: "note"}}})
		for _, s := range shelf[ws] {
			h.record(s, secret.Created{Template: forms[ws], TemplateVersion: 1})
		}
	}
	for range d.IntN(size + 1) {
		h.ws = one(d, worlds[0], worlds[0], worlds[0], worlds[1])
		h.at = h.at.Add(time.Duration(d.IntN(2)) * time.Minute)
		of := one(d, append(shelf[h.ws], shelf[h.ws][0], shelf[h.ws][0])...)
		h.record(of, h.numbered(of, randomFact(d)))
	}
	return h, d
}

// numbered gives a value or its clearing the version that comes next.
func (h *history) numbered(of uuid.UUID, e domain.Event) domain.Event {
	next := func(field string) int { return len(oracle{h.ws, h.log}.secret(of).values[field]) + 1 }
	switch e := e.(type) {
	case secret.ValueSet:
		e.ValueVersion = next(e.Field)
		return e
	case secret.ValueCleared:
		e.ValueVersion = next(e.Field)
		return e
	case secret.FileAttached:
		e.ValueVersion = next(e.Field)
		return e
	case secret.FileRemoved:
		e.ValueVersion = next(e.Field)
		return e
	}
	return e
}

func randomFact(t dice) domain.Event {
	return one(t, verificationFact, settingsFact, memberFact, memberFact, peopleFact, peopleFact, ticketFact, ticketFact, ticketFact,
		stateFact, accessFact, accessFact, accessFact, accessFact)(t)
}

// serviceIn is service with a hash that no other workspace has.
func serviceIn(ws uuid.UUID, more domain.Permission) workspace.APIKeyIssued {
	e := service(domain.SecretsView, more)
	e.Hash = ws[:]
	return e
}

func settingsFact(t dice) domain.Event {
	return one[domain.Event](t,
		workspace.SettingsChanged{Enabled: on(one(t, true, true, true, true, true, true, true, false))},
		workspace.SettingsChanged{ExpiredReveals: on(one(t, workspace.Blocked, workspace.Confirmation, workspace.ManagersWithConfirmation))},
		workspace.SettingsChanged{Reason: on(one(t, workspace.ReasonOff, workspace.ReasonOptional, workspace.ReasonRequired))},
		workspace.SettingsChanged{RevealLimitPerHour: on(one(t, 0, 0, 2))},
		workspace.SettingsChanged{RevealVerification: &workspace.Verification{Required: one(t, false, false, false, false, true)}},
		reveal.FieldRevealed{Member: one(t, people...)},
		workspace.APIKeyRevoked{KeyID: theKey},
	)
}

func memberFact(t dice) domain.Event {
	m := one(t, people...)
	p := one(t, domain.SecretsView, domain.SecretsReveal, domain.SecretsManage)
	synced := member.Synced{ID: m, Incarnation: one(t, 1, 1, 1, 2), Active: one(t, true, true, true, false), Division: one(t, "", "sales"), EmailHash: one(t, []byte("a"), []byte("a"), []byte("b"))}
	all := permit(m, domain.SecretsView, domain.SecretsReveal)
	return one[domain.Event](t,
		synced, synced, all, all, all, permit(m, p),
		member.PermissionsChanged{ID: m, Revoked: []domain.Permission{p}},
		member.PermissionsChanged{ID: m, Revoked: []domain.Permission{domain.SecretsManage}},
		member.OwnershipChanged{ID: m, Owner: one(t, true, false, false)},
		one[domain.Event](t, synced, all, member.Removed{ID: m}, member.IdentityBound{ID: m, SubjectHash: []byte(m)}, member.IdentityUnbound{ID: m}),
	)
}

func peopleFact(t dice) domain.Event {
	g, c := one(t, teams...), one(t, customers...)
	return one[domain.Event](t,
		group.Synced{ID: g, Incarnation: one(t, 1, 1, 1, 2), Added: some(t, people), Removed: some(t, people)},
		group.Synced{ID: g, Added: some(t, people)},
		contact.Synced{ID: c, Incarnation: one(t, 1, 1, 1, 2), OwnersAdded: some(t, people), OwnersRemoved: some(t, people)},
		contact.Synced{ID: c, Incarnation: 1, OwnersAdded: some(t, people)},
		one[domain.Event](t, group.Removed{ID: g}, contact.Removed{ID: c}),
	)
}

func ticketFact(t dice) domain.Event {
	is := one(t, tickets...)
	if one(t, 0, 1, 2, 3, 4, 5) == 0 {
		return ticket.Removed{ID: is}
	}
	return ticket.Synced{
		ID: is, Incarnation: one(t, 1, 1, 1, 2), Status: one(t, ticket.Open, ticket.Closed), Category: one(t, "", "billing"),
		Contact: one(t, append(customers, "")...), Contacts: some(t, customers), CreatedBy: one(t, append(people, "")...),
		Assignees: some(t, people), Followers: some(t, people), Approvers: some(t, people),
		Groups: some(t, teams),
	}
}

func stateFact(t dice) domain.Event {
	f := one(t, fields...)
	return one[domain.Event](t, secret.Activated{}, secret.Activated{}, secret.Deactivated{}, secret.ExpirationSet{ExpiresAt: noon.Add(time.Hour)},
		secret.ExpirationCleared{}, secret.TemplateUpgraded{From: 1, To: 2}, secret.HoldPlaced{}, ending(t), secret.ValueSet{Field: f}, secret.ValueSet{Field: f}, secret.ValueCleared{Field: f},
		secret.FileAttached{Field: f}, secret.FileRemoved{Field: f}, secret.FileScanned{Field: f})
}

// ending is rarely the end of a secret: nothing comes after that.
func ending(t dice) domain.Event {
	return one[domain.Event](t, secret.DestroyRequested{}, secret.HoldReleased{}, secret.HoldReleased{}, secret.HoldReleased{})
}

func accessFact(t dice) domain.Event {
	kind := one(t, secret.ToMember, secret.ToGroup, secret.ToDivision, secret.ToEveryone)
	target := map[secret.AssignmentKind]string{secret.ToMember: one(t, people...), secret.ToGroup: one(t, teams...),
		secret.ToDivision: "sales", secret.ToEveryone: "all"}[kind]
	number := one(t, 0, 0, 1, 2)
	return one[domain.Event](t,
		secret.AccessGranted{Kind: kind, Target: target, Incarnation: number},
		secret.AccessRevoked{Kind: kind, Target: target},
		secret.AccessRevoked{Kind: secret.ToEveryone, Target: "all"},
		randomRule(t), randomRule(t), randomRule(t), randomRule(t), randomRule(t),
		secret.RuleRemoved{RuleID: one(t, id("r0"), id("r1"), id("r2"))},
		secret.TicketLinked{Ticket: one(t, tickets...), Incarnation: number},
		secret.TicketLinked{Ticket: one(t, tickets...)},
		secret.TicketLinked{Ticket: one(t, tickets...)},
		secret.TicketUnlinked{Ticket: one(t, tickets...)},
		secret.ContactRelated{Contact: one(t, customers...), Incarnation: number},
		secret.ContactRelated{Contact: one(t, customers...)},
		secret.ContactUnrelated{Contact: one(t, customers...)},
	)
}

func randomRule(t dice) domain.Event {
	kind := one(t, secret.TicketAssignee, secret.TicketFollower, secret.TicketCreator, secret.TicketApprover, secret.TicketGroup,
		secret.ContactOwner, secret.ContactTicketAssignee, secret.CategoryAssignee)
	value := ""
	if kind == secret.CategoryAssignee {
		value = "billing"
	}
	return secret.RuleAdded{RuleID: one(t, id("r0"), id("r1"), id("r2")), Kind: kind, Value: value, While: one(t, secret.Always, secret.TicketOpen)}
}

// actors are all who may ask.
func actors() (all []domain.Actor) {
	for _, m := range people {
		all = append(all, domain.Actor{Kind: domain.Member, ID: m})
	}
	return append(all, domain.Actor{Kind: domain.Service, ID: theKey.String()})
}

func TestDecisionsAreThoseOfWhoeverReadsTheWholeLog(t *testing.T) {
	met := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		h, d := randomHistory(rt, t, 150)
		for _, ws := range worlds {
			o := oracle{ws, h.log}
			for _, a := range actors() {
				for _, s := range []uuid.UUID{shelf[ws][0], shelf[ws][1], shelf[worlds[1]][0]} {
					for _, action := range []Action{View, Reveal, Manage} {
						a.Session = one(d, "s1", "s2", "")
						r := Request{Workspace: ws, Actor: a, Action: action, Secret: s, Field: one(d, fields...), At: h.at,
							ValueVersion: one(d, 0, 0, 0, 1, 2), HasReason: one(d, true, false), ConfirmExpired: one(d, true, false)}
						got := h.x.Decide(r)
						met[got.Code+" "+got.Via+" "+got.Kind]++
						got.Evidence = nil
						require.Equal(rt, o.decide(r), got, "%v of %v by %v", action, s, a)
					}
				}
			}
		}
	})
	t.Log(met)
}

func TestUnlocksAreThoseOfWhoeverReadsTheWholeLog(t *testing.T) {
	met := map[bool]int{}
	rapid.Check(t, func(rt *rapid.T) {
		h, d := randomHistory(rt, t, 30)
		for range d.IntN(100) {
			h.ws = worlds[d.IntN(2)]
			h.say(one(d, verificationFact, verificationFact, verificationFact, verificationFact, verificationFact, verificationFact, verificationFact, memberFact)(d))
		}
		for _, ws := range worlds {
			for _, a := range actors() {
				for _, a.Session = range []string{"s1", "s2", ""} {
					o, unlocked := oracle{ws, h.log}, h.x.UnlockedUntil(ws, a, h.at) != nil
					_, code := o.person(a, h.at)
					require.Equal(rt, code == "" && o.unlocked(a, h.at), unlocked, "%v", a)
					met[unlocked]++
				}
			}
		}
	})
	t.Log(met)
	require.NotZero(t, met[true])
}

func TestAccessibleIsWhatMayBeViewed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, _ := randomHistory(rt, t, 150)
		for _, ws := range worlds {
			for _, a := range actors() {
				ids, all := h.x.Accessible(ws, a, h.at)
				for _, s := range shelf[ws] {
					d := h.x.Decide(Request{Workspace: ws, Actor: a, Action: View, Secret: s, At: h.at})
					require.Equal(rt, d.Allowed, all || slices.Contains(ids, s))
					ways := h.x.Ways(ws, s, a, h.at)
					if d.Allowed {
						require.Equal(rt, []string{d.Via, d.Kind, d.Target, d.Rule, d.Ticket, d.Contact},
							[]string{ways[0].Via, ways[0].Kind, ways[0].Target, ways[0].Rule, ways[0].Ticket, ways[0].Contact})
					}
				}
				require.False(rt, all && len(ids) > 0)
			}
			viewers := map[string]bool{}
			for _, v := range h.x.Viewers(ws, shelf[ws][0], h.at, "", 100) {
				viewers[v.Actor.ID] = v.Decision.Allowed
			}
			for _, a := range actors() {
				d := h.x.Decide(Request{Workspace: ws, Actor: a, Action: View, Secret: shelf[ws][0], At: h.at})
				require.Equal(rt, d.Allowed, viewers[a.ID])
			}
		}
	})
}

func TestEvidenceNamesRecordedFacts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, _ := randomHistory(rt, t, 150)
		known := map[domain.Evidence]uuid.UUID{}
		for _, r := range h.log {
			known[domain.Evidence{Stream: r.Stream, Revision: r.Revision}] = r.Meta.Workspace
		}
		for _, ws := range worlds {
			for _, a := range actors() {
				facts := h.x.Decide(Request{Workspace: ws, Actor: a, Action: View, Secret: shelf[ws][0], At: h.at}).Evidence
				var streams []string // each once, unless its facts are apart
				for i, e := range facts {
					require.Equal(rt, ws, known[e], "%v", e)
					if i == 0 || e.Stream != facts[i-1].Stream {
						require.NotContains(rt, streams, e.Stream, "%v", facts)
						streams = append(streams, e.Stream)
					}
				}
			}
		}
	})
}

func TestASnapshotAndTheRestAreTheWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, _ := randomHistory(rt, t, 150)
		cut := rapid.IntRange(0, len(h.log)).Draw(rt, "cut")
		x := NewIndex()
		for i, r := range h.log {
			if i == cut {
				x = throughSnapshot(rt, x)
			}
			require.NoError(rt, x.Apply(r))
		}
		whole := h.x.Fingerprint()
		require.True(rt, whole == x.Fingerprint())
		require.True(rt, whole == throughSnapshot(rt, h.x).Fingerprint(), "lookups follow from what is saved")
	})
}

func throughSnapshot(t require.TestingT, x *Index) *Index {
	var b bytes.Buffer
	require.NoError(t, x.Snapshot(&b))
	restored, err := Restore(&b)
	require.NoError(t, err)
	return restored
}

func TestASnapshotThatIsDamagedIsRefused(t *testing.T) {
	h := usual(t)
	h.of(everyone)
	var b bytes.Buffer
	require.NoError(t, h.x.Snapshot(&b))
	for i := range b.Len() {
		bad := bytes.Clone(b.Bytes())
		bad[i] ^= 0x40
		_, err := Restore(bytes.NewReader(bad))
		require.ErrorIs(t, err, ErrSnapshot, "byte %d", i)
		_, err = Restore(bytes.NewReader(b.Bytes()[:i]))
		assert.ErrorIs(t, err, ErrSnapshot, "cut at %d", i)
	}
}

// verificationFact is about codes and unlocks of two sessions, few enough for some to fit together.
func verificationFact(t dice) domain.Event {
	m, s, c := one(t, people...), one(t, "s1", "s1", "s2", ""), one(t, id("c1"), id("c1"), id("c2"))
	until := noon.Add(time.Duration(t.IntN(200)) * time.Minute)
	asked := verification.Requested{Challenge: c, Member: m, Session: s, At: noon.Add(time.Duration(t.IntN(50)) * time.Hour), ExpiresAt: until}
	unlocked := verification.Unlocked{Challenge: c, Member: m, Session: s, UnlockedUntil: until}
	return one[domain.Event](t, asked, asked, asked, unlocked, unlocked, unlocked,
		verification.Attempted{Challenge: c, Member: m, Number: 1}, verification.CodeSent{Challenge: c, Member: m},
		verification.Locked{Member: m, Session: s}, verification.Ended{Challenge: c, Member: m})
}
