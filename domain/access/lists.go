package access

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// Accessible returns the secrets that an actor may View, in the order of their ids. All is true, and there are no ids, for
// those who may see every secret of the workspace.
func (x *Index) Accessible(ws uuid.UUID, actor domain.Actor, at time.Time) (ids []uuid.UUID, all bool) {
	v := verdict{space: x.spaces[ws]}
	if v.space == nil {
		return nil, false
	}
	if v.code = v.admit(&Request{Workspace: ws, Actor: actor, Action: View, At: at}); v.code != "" {
		return nil, false
	}
	if v.subject.manages() {
		return nil, true
	}
	for at := range v.space.candidates(v.subject.member) {
		v.secret = v.space.secrets[at]
		if v.enter(View) == "" {
			ids = append(ids, v.secret.ID)
		}
	}
	slices.SortFunc(ids, compareIDs)
	return ids, false
}

// candidates returns at least the secrets that an assignment or rule lets a member in to; m is nil for a service account.
func (s *space) candidates(m *member) map[slot]struct{} {
	found := make(map[slot]struct{}, len(s.everyone))
	gather(found, s.everyone)
	if m == nil {
		return found
	}
	gather(found, m.secrets)
	gather(found, s.divisions[m.Division])
	for _, at := range m.linked {
		gather(found, s.tickets.at(at).secrets)
	}
	for _, at := range m.groups {
		g := s.groups.at(at)
		gather(found, g.secrets)
		for _, at := range g.linked {
			gather(found, s.tickets.at(at).secrets)
		}
	}
	for _, at := range m.contacts {
		gather(found, s.contacts.at(at).secrets)
	}
	for _, at := range m.assigned {
		for _, of := range s.tickets.at(at).of(contacts) {
			if c := s.contacts.at(of); c != nil {
				gather(found, c.secrets)
			}
		}
	}
	for category, secrets := range s.categories {
		if s.inCategory(&rule{Value: category}, m) != nil {
			gather(found, secrets)
		}
	}
	return found
}

func gather(found map[slot]struct{}, more slots) {
	for _, at := range more {
		found[at] = struct{}{}
	}
}

// What makes a secret a candidate for a ticket's panel.
const (
	WhyLinked  = "linked"  // it is linked to the ticket
	WhyContact = "contact" // it is related to one of the ticket's contacts
)

// Candidate is a secret that matters to a ticket.
type Candidate struct {
	Secret uuid.UUID
	Why    []string // WhyLinked, WhyContact or both
}

// TicketSecrets returns the secrets that are linked to a ticket or related to one of its contacts, whoever may see them:
// linked ones first, each in the order they were created.
func (x *Index) TicketSecrets(ws uuid.UUID, id string) []Candidate {
	s := x.spaces[ws]
	if s == nil {
		return nil
	}
	t := s.tickets.live(id)
	if t == nil {
		return nil
	}
	list := make([]Candidate, 0, len(t.secrets))
	for _, at := range t.secrets {
		list = append(list, Candidate{s.secrets[at].ID, []string{WhyLinked}})
	}
	var shared slots
	for _, of := range t.of(contacts) {
		if c := s.contacts.at(of); c != nil {
			shared = append(shared, c.secrets...)
		}
	}
	slices.Sort(shared)
	for _, at := range slices.Compact(shared) {
		if i, linked := slices.BinarySearch(t.secrets, at); linked {
			list[i].Why = append(list[i].Why, WhyContact)
			continue
		}
		list = append(list, Candidate{s.secrets[at].ID, []string{WhyContact}})
	}
	return list
}

// Ways returns every way in to a secret that a member has, the one that explains a decision first; whether the conditions
// that come before are met is Decide's to say. Of a rule about a contact's tickets or a category's it names one ticket.
func (x *Index) Ways(ws, id uuid.UUID, actor domain.Actor, at time.Time) []Way {
	ref, ok := x.secrets[id]
	if !ok || ref.space.id != ws {
		return nil
	}
	u, _ := ref.space.subject(actor, instantOf(at))
	if u.member != nil {
		u = subjectOf(u.member)
	}
	var list []Way
	sec := ref.space.secrets[ref.slot]
	ref.space.ways(sec, &u, func(w way) bool {
		e := evidence{list: []domain.Evidence{}}
		d := ref.space.describe(sec, &u, &w, &e)
		d.Evidence = e.list
		list = append(list, d)
		return true
	})
	return list
}

// Viewer is a member or service account who may View a secret, and why.
type Viewer struct {
	Actor    domain.Actor // without a session
	Decision domain.Decision
}

// Viewers returns those who may View a secret at a time, in the order of their ids: at most limit of those after an id,
// "" being before all. It decides for one after the other until it has enough.
func (x *Index) Viewers(ws, secret uuid.UUID, at time.Time, after string, limit int) []Viewer {
	s := x.spaces[ws]
	if s == nil || !x.HasSecret(ws, secret) {
		return nil
	}
	var list []Viewer
	for _, actor := range s.actors(after) {
		if len(list) >= limit {
			break
		}
		if d := x.Decide(Request{Workspace: ws, Actor: actor, Action: View, Secret: secret, At: at}); d.Allowed {
			list = append(list, Viewer{actor, d})
		}
	}
	return list
}

// actors returns the members and service accounts after an id, in the order of their ids.
func (s *space) actors(after string) []domain.Actor {
	var list []domain.Actor
	for _, m := range s.members.all {
		if m != nil && m.Live && m.ID > after {
			list = append(list, domain.Actor{Kind: domain.Member, ID: m.ID})
		}
	}
	for id := range s.keys {
		if id := id.String(); id > after {
			list = append(list, domain.Actor{Kind: domain.Service, ID: id})
		}
	}
	slices.SortFunc(list, func(a, b domain.Actor) int { return strings.Compare(a.ID, b.ID) })
	return list
}
