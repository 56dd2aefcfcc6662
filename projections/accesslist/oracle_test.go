package accesslist_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/accesslist"
	"github.com/kdesk/client-secrets/projections/projectiontest"
)

var (
	people     = []string{"d:a", "d:b", "d:c"}
	threads    = []string{"d:1", "d:2"}
	clients    = []string{"d:x", "d:y"}
	teams      = []string{"d:g", "d:h"}
	categories = []string{"Mail", "Network"}
	divisions  = []string{"North", "South"}
)

// world draws a history that commands could have made.
type world struct {
	history
	t            *rapid.T
	incarnations map[string]int // of what is there; negative of what is gone
	members      map[string][]string
	rules        []uuid.UUID
}

func (w *world) one(list []string) string { return rapid.SampledFrom(list).Draw(w.t, "one") }

func (w *world) some(list []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(list), 0, 2, rapid.ID[string]).Draw(w.t, "some")
}

// sync returns the incarnation that a thing has from now on.
func (w *world) sync(kind, id string) int {
	k := kind + id
	if n := w.incarnations[k]; n <= 0 {
		w.incarnations[k] = 1 - n
		delete(w.members, k)
	}
	return w.incarnations[k]
}

func (w *world) remove(kind, id string, e domain.Event) {
	if k := kind + id; w.incarnations[k] > 0 {
		w.incarnations[k] *= -1
		w.AddTo(kind, id, e)
	}
}

// change returns who is new in a list and who has left it.
func (w *world) change(key string, now []string) (added, removed []string) {
	added, removed = without(now, w.members[key]), without(w.members[key], now)
	w.members[key] = now
	return added, removed
}

func without(list, of []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(of, s) })
}

func (w *world) directory() {
	m, g, c := w.one(people), w.one(teams), w.one(clients)
	switch rapid.IntRange(0, 7).Draw(w.t, "directory") {
	case 0, 1:
		w.AddTo(domain.MemberKind, m, member.Synced{ID: m, Incarnation: w.sync(domain.MemberKind, m),
			Active: rapid.IntRange(0, 3).Draw(w.t, "active") > 0, Division: w.one(divisions)})
	case 2:
		n := w.sync(domain.GroupKind, g)
		added, removed := w.change(domain.GroupKind+g, w.some(people))
		w.AddTo(domain.GroupKind, g, group.Synced{ID: g, Incarnation: n, Added: added, Removed: removed})
	case 3:
		n := w.sync(domain.ContactKind, c)
		added, removed := w.change(domain.ContactKind+c, w.some(people))
		w.AddTo(domain.ContactKind, c, contact.Synced{ID: c, Incarnation: n, OwnersAdded: added, OwnersRemoved: removed})
	case 4:
		w.remove(domain.MemberKind, m, member.Removed{ID: m})
	case 5:
		w.remove(domain.GroupKind, g, group.Removed{ID: g})
	case 6:
		w.remove(domain.ContactKind, c, contact.Removed{ID: c})
	case 7:
		w.AddTo(domain.MemberKind, m, rapid.SampledFrom([]domain.Event{
			member.PermissionsChanged{ID: m, Granted: []domain.Permission{domain.SecretsManage}},
			member.PermissionsChanged{ID: m, Revoked: []domain.Permission{domain.SecretsManage}},
			member.OwnershipChanged{ID: m, Owner: true}, member.OwnershipChanged{ID: m}}).Draw(w.t, "rights"))
	}
}

func (w *world) tickets() {
	id := w.one(threads)
	if rapid.IntRange(0, 4).Draw(w.t, "remove") == 0 {
		w.remove(domain.TicketKind, id, ticket.Removed{ID: id})
		return
	}
	v := ticket.Synced{ID: id, Incarnation: w.sync(domain.TicketKind, id), Category: w.one(categories), Contact: w.one(clients),
		Contacts: w.some(clients), CreatedBy: w.one(people), Assignees: w.some(people), Followers: w.some(people),
		Groups: w.some(teams), Approvers: w.some(people), Status: ticket.Status(w.one([]string{"open", "closed"}))}
	w.AddTo(domain.TicketKind, id, v)
}

// grants changes the secret. People name only what is there.
func (w *world) grants() {
	here := func(kind, id string) bool { return w.incarnations[kind+id] > 0 }
	switch rapid.IntRange(0, 6).Draw(w.t, "grant") {
	case 0, 1:
		kind := secret.AssignmentKind(w.one([]string{"member", "group", "division", "everyone"}))
		target := w.one(map[secret.AssignmentKind][]string{secret.ToMember: people, secret.ToGroup: teams,
			secret.ToDivision: divisions, secret.ToEveryone: {secret.AllTarget}}[kind])
		if kind == secret.ToDivision || kind == secret.ToEveryone || here(string(kind), target) {
			w.secret(rapid.SampledFrom([]domain.Event{secret.AccessGranted{Kind: kind, Target: target},
				secret.AccessRevoked{Kind: kind, Target: target}}).Draw(w.t, "change"))
		}
	case 2, 3:
		kind := rapid.SampledFrom([]secret.RuleKind{secret.TicketAssignee, secret.TicketFollower, secret.TicketCreator,
			secret.TicketApprover, secret.TicketGroup, secret.ContactOwner, secret.ContactTicketAssignee, secret.CategoryAssignee}).Draw(w.t, "kind")
		rule := secret.RuleAdded{RuleID: uuid.New(), Kind: kind, While: secret.While(w.one([]string{"always", "ticket_open"}))}
		if kind == secret.CategoryAssignee {
			rule.Value = w.one(categories)
		}
		w.rules = append(w.rules, rule.RuleID)
		w.secret(rule)
	case 4:
		if len(w.rules) > 0 {
			w.secret(secret.RuleRemoved{RuleID: w.rules[0]})
			w.rules = w.rules[1:]
		}
	case 5:
		if t := w.one(threads); here(domain.TicketKind, t) {
			w.secret(rapid.SampledFrom([]domain.Event{secret.TicketLinked{Ticket: t}, secret.TicketUnlinked{Ticket: t}}).Draw(w.t, "link"))
		}
	case 6:
		if c := w.one(clients); here(domain.ContactKind, c) {
			w.secret(rapid.SampledFrom([]domain.Event{secret.ContactRelated{Contact: c}, secret.ContactUnrelated{Contact: c}}).Draw(w.t, "relate"))
		}
	}
}

// TestCandidatesAreThoseWithAWayIn compares the read model with the access index at every position of drawn histories.
func TestCandidatesAreThoseWithAWayIn(t *testing.T) {
	p := accesslist.Projector{}
	pool := postgrestest.Pool(t)
	_, err := pool.Exec(ctx, "CREATE SCHEMA accesslist; SET search_path TO accesslist;"+p.Schema()+"RESET search_path")
	require.NoError(t, err)
	q := accesslist.New(pool)
	offset := uint64(0)
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{history{projectiontest.NewHistory()}, rt, map[string]int{}, map[string][]string{}, nil}
		on := true
		w.Add(domain.Stream(domain.WorkspaceKind, w.Workspace), workspace.Opened{Owner: people[0]},
			workspace.SettingsChanged{Enabled: &on})
		s1 = uuid.New()
		w.secret(secret.Created{Template: uuid.New(), TemplateVersion: 1})
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 2), 20, 60).Draw(rt, "steps") {
			[]func(){w.directory, w.tickets, w.grants}[step]()
		}
		for i := range w.Events {
			w.Events[i].Position += offset
		}
		offset = w.Events[len(w.Events)-1].Position
		for events := range slices.Chunk(w.Events, rapid.IntRange(1, 30).Draw(rt, "batch")) {
			require.NoError(rt, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, "SET LOCAL search_path TO accesslist"); err != nil {
					return err
				}
				return p.Apply(ctx, tx, events)
			}))
		}
		index := access.NewIndex()
		for i, e := range w.Events {
			require.NoError(rt, index.Apply(e))
			if i > len(w.Events)/2 {
				want := waysIn(index, w.Workspace, s1, e.At)
				position := eventstore.Position(e.Position)
				require.Equal(rt, want, candidates(rt, q, w.Workspace, s1, position), "after %s", listing(w.Events[:i+1]))
				require.ElementsMatch(rt, all(rt, q, w.Workspace, s1, position), fromMembers(rt, q, w.Workspace, position))
			}
		}
	})
}

// waysIn returns which members have which ways in, by the index.
func waysIn(index *access.Index, ws, id uuid.UUID, at time.Time) []string {
	list := []string{}
	for _, m := range people {
		actor := domain.Actor{Kind: domain.Member, ID: m}
		d := index.Decide(access.Request{Workspace: ws, Actor: actor, Action: access.View, Secret: id, At: at})
		if d.Code == access.CodeNotAMember || d.Code == access.CodeMemberInactive {
			continue
		}
		for _, w := range index.Ways(ws, id, actor, at) {
			list = append(list, fmt.Sprintf("%s %s %s %s %s", m, w.Via, w.Kind, w.Target, w.Rule))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// candidates returns the same by the read model. The index does not tell that an owner has the permission, too.
func candidates(t require.TestingT, q *accesslist.Queries, ws, id uuid.UUID, at eventstore.Position) []string {
	list := []string{}
	owner := ""
	for _, c := range all(t, q, ws, id, at) {
		if c.Via == access.ViaOwner {
			owner = c.Member
		}
		if c.Via != access.ViaPermission || c.Member != owner {
			list = append(list, fmt.Sprintf("%s %s %s %s %s", c.Member, c.Via, c.Kind, c.Target, c.Rule))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// fromMembers returns what Secrets says of all members; there is one secret.
func fromMembers(t require.TestingT, q *accesslist.Queries, ws uuid.UUID, at eventstore.Position) (list []accesslist.Candidate) {
	for _, m := range people {
		page, err := q.Secrets(ctx, ws, m, at, projections.Page{Limit: projections.MaxLimit})
		require.NoError(t, err)
		list = append(list, page.Items...)
	}
	return list
}

// listing tells the events in the message of a failure.
func listing(events []domain.Recorded) (text string) {
	for _, e := range events {
		text += fmt.Sprintf("\n%d %s %+v", e.Position, e.Event.EventType(), e.Event)
	}
	return text
}
