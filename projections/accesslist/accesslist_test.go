package accesslist_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
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

func TestMain(m *testing.M) { postgrestest.Main(m) }

var (
	ctx = context.Background()
	s1  = uuid.New()
	key = uuid.New()
)

// history is a workspace with the active members ann, bob and cy and the secret s1.
type history struct{ *projectiontest.History }

func newHistory() history {
	h := history{projectiontest.NewHistory()}
	for _, m := range []string{"d:ann", "d:bob", "d:cy"} {
		h.member(m, 1)
	}
	h.secret(secret.Created{Template: uuid.New(), TemplateVersion: 1})
	return h
}

func (h history) member(id string, incarnation int) {
	h.AddTo(domain.MemberKind, id, member.Synced{ID: id, Incarnation: incarnation, Active: true, Division: "North"})
}

func (h history) secret(events ...domain.Event) {
	h.Add(domain.Stream(domain.SecretKind, s1), events...)
}

func (h history) ticket(id string, change func(*ticket.Synced)) {
	v := ticket.Synced{ID: id, Incarnation: 1, Status: ticket.Open}
	change(&v)
	h.AddTo(domain.TicketKind, id, v)
}

func (h history) rule(kind secret.RuleKind, value string, while secret.While) {
	h.secret(secret.RuleAdded{RuleID: uuid.New(), Kind: kind, Value: value, While: while})
}

func assigned(v *ticket.Synced) { v.Assignees = []string{"d:ann"} }

func grantTo(kind secret.AssignmentKind, target string) domain.Event {
	return secret.AccessGranted{Kind: kind, Target: target}
}

// show returns candidates as "member via kind target@ticket@contact", those that differ in nothing else once.
func show(items []accesslist.Candidate) []string {
	list := []string{}
	for _, c := range items {
		what := strings.Join([]string{strings.TrimPrefix(c.Member, "d:"), c.Via, c.Kind, c.Target}, " ")
		if c.Ticket != "" || c.Contact != "" {
			what += "@" + c.Ticket + "@" + c.Contact
		}
		list = append(list, strings.TrimSpace(what))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestCandidatesNow(t *testing.T) {
	cases := []struct {
		name  string
		given func(history)
		want  []string
	}{
		{"nobody without a grant", func(history) {}, []string{}},
		{"owners, managers and service accounts that manage", func(h history) {
			h.Add(domain.Stream(domain.WorkspaceKind, h.Workspace), workspace.Opened{Owner: "d:ann"},
				workspace.APIKeyIssued{KeyID: key, Permissions: []domain.Permission{domain.SecretsManage}})
			h.AddTo(domain.MemberKind, "d:ann", member.OwnershipChanged{ID: "d:ann", Owner: true})
			h.AddTo(domain.MemberKind, "d:bob", member.PermissionsChanged{ID: "d:bob", Granted: []domain.Permission{domain.SecretsManage}})
			h.AddTo(domain.MemberKind, "d:dan", member.OwnershipChanged{ID: "d:dan", Owner: true}) // nobody knows him
			h.member("d:dan", 1)
		}, []string{key.String() + " permission", "ann owner", "bob permission"}},
		{"not who lost it", func(h history) {
			h.AddTo(domain.MemberKind, "d:ann", member.OwnershipChanged{ID: "d:ann", Owner: true}, member.OwnershipChanged{ID: "d:ann"})
			h.AddTo(domain.MemberKind, "d:bob", member.PermissionsChanged{ID: "d:bob", Granted: []domain.Permission{domain.SecretsManage}},
				member.PermissionsChanged{ID: "d:bob", Revoked: []domain.Permission{domain.SecretsManage}})
			h.Add(domain.Stream(domain.WorkspaceKind, h.Workspace),
				workspace.APIKeyIssued{KeyID: key, Permissions: []domain.Permission{domain.SecretsManage}}, workspace.APIKeyRevoked{KeyID: key})
		}, []string{}},
		{"assigned members", func(h history) { h.secret(grantTo(secret.ToMember, "d:ann")) }, []string{"ann assignment member d:ann"}},
		{"not when revoked", func(h history) {
			h.secret(grantTo(secret.ToMember, "d:ann"), secret.AccessRevoked{Kind: secret.ToMember, Target: "d:ann"})
		}, []string{}},
		{"assigned groups' members", func(h history) {
			h.AddTo(domain.GroupKind, "d:g", group.Synced{ID: "d:g", Incarnation: 1, Added: []string{"d:ann", "d:bob"}}, group.Synced{ID: "d:g", Incarnation: 1, Removed: []string{"d:bob"}})
			h.secret(grantTo(secret.ToGroup, "d:g"))
		}, []string{"ann assignment group d:g"}},
		{"not of a removed group", func(h history) {
			h.AddTo(domain.GroupKind, "d:g", group.Synced{ID: "d:g", Incarnation: 1, Added: []string{"d:ann"}})
			h.secret(grantTo(secret.ToGroup, "d:g"))
			h.AddTo(domain.GroupKind, "d:g", group.Removed{ID: "d:g"}, group.Synced{ID: "d:g", Incarnation: 2, Added: []string{"d:ann"}})
		}, []string{}},
		{"assigned divisions", func(h history) {
			h.secret(grantTo(secret.ToDivision, "North"))
			h.AddTo(domain.MemberKind, "d:bob", member.Synced{ID: "d:bob", Incarnation: 1, Active: true, Division: "South"})
			h.AddTo(domain.MemberKind, "d:cy", member.Synced{ID: "d:cy", Incarnation: 1, Division: "North"})
		}, []string{"ann assignment division North"}},
		{"everyone who is active", func(h history) {
			h.secret(grantTo(secret.ToEveryone, secret.AllTarget))
			h.AddTo(domain.MemberKind, "d:cy", member.Synced{ID: "d:cy", Incarnation: 1})
		}, []string{"ann assignment everyone all", "bob assignment everyone all"}},
		{"those whom a linked ticket names", func(h history) {
			h.AddTo(domain.GroupKind, "d:g", group.Synced{ID: "d:g", Incarnation: 1, Added: []string{"d:cy"}})
			h.ticket("d:1", func(v *ticket.Synced) {
				v.Assignees, v.Followers, v.CreatedBy, v.Approvers, v.Groups = []string{"d:ann"}, []string{"d:bob"}, "d:cy", []string{"d:ann"}, []string{"d:g"}
			})
			h.secret(secret.TicketLinked{Ticket: "d:1"})
			for _, k := range []secret.RuleKind{secret.TicketAssignee, secret.TicketFollower, secret.TicketCreator, secret.TicketApprover, secret.TicketGroup} {
				h.rule(k, "", secret.TicketOpen)
			}
		}, []string{"ann rule ticket_approver @d:1@", "ann rule ticket_assignee @d:1@", "bob rule ticket_follower @d:1@",
			"cy rule ticket_creator @d:1@", "cy rule ticket_group @d:1@"}},
		{"not while it is closed, if the rule says so", func(h history) {
			h.ticket("d:1", assigned)
			h.secret(secret.TicketLinked{Ticket: "d:1"})
			h.rule(secret.TicketAssignee, "", secret.TicketOpen)
			h.ticket("d:1", func(v *ticket.Synced) { assigned(v); v.Status = ticket.Closed })
		}, []string{}},
		{"a ticket that came back leads to nobody", func(h history) {
			h.ticket("d:1", assigned)
			h.secret(secret.TicketLinked{Ticket: "d:1"})
			h.rule(secret.TicketAssignee, "", secret.Always)
			h.AddTo(domain.TicketKind, "d:1", ticket.Removed{ID: "d:1"})
			h.ticket("d:1", func(v *ticket.Synced) { assigned(v); v.Incarnation = 2 })
		}, []string{}},
		{"owners of contacts and assignees of their tickets", func(h history) {
			h.AddTo(domain.ContactKind, "d:c", contact.Synced{ID: "d:c", Incarnation: 1, OwnersAdded: []string{"d:bob"}})
			h.ticket("d:1", func(v *ticket.Synced) { assigned(v); v.Contact = "d:c" })
			h.secret(secret.ContactRelated{Contact: "d:c"})
			h.rule(secret.ContactOwner, "", secret.Always)
			h.rule(secret.ContactTicketAssignee, "", secret.TicketOpen)
		}, []string{"ann rule contact_ticket_assignee @d:1@d:c", "bob rule contact_owner @@d:c"}},
		{"not through a removed contact", func(h history) {
			h.AddTo(domain.ContactKind, "d:c", contact.Synced{ID: "d:c", Incarnation: 1, OwnersAdded: []string{"d:bob"}})
			h.secret(secret.ContactRelated{Contact: "d:c"})
			h.rule(secret.ContactOwner, "", secret.Always)
			h.AddTo(domain.ContactKind, "d:c", contact.Removed{ID: "d:c"}, contact.Synced{ID: "d:c", Incarnation: 2, OwnersAdded: []string{"d:bob"}})
		}, []string{}},
		{"assignees in a category", func(h history) {
			h.ticket("d:1", func(v *ticket.Synced) { assigned(v); v.Category = "Network" })
			h.ticket("d:2", func(v *ticket.Synced) { v.Assignees, v.Category = []string{"d:bob"}, "Mail" })
			h.rule(secret.CategoryAssignee, "Network", secret.Always)
		}, []string{"ann rule category_assignee @d:1@"}},
		{"a member who came back inherits nothing", func(h history) {
			h.secret(grantTo(secret.ToMember, "d:ann"))
			h.AddTo(domain.MemberKind, "d:ann", member.Removed{ID: "d:ann"})
			h.member("d:ann", 2)
		}, []string{}},
		{"not by a removed rule", func(h history) {
			h.ticket("d:1", assigned)
			id := uuid.New()
			h.secret(secret.TicketLinked{Ticket: "d:1"}, secret.RuleAdded{RuleID: id, Kind: secret.TicketAssignee}, secret.RuleRemoved{RuleID: id})
		}, []string{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory()
			c.given(h)
			q := accesslist.New(projectiontest.Apply(t, accesslist.Projector{}, h.Events))
			page, err := q.Candidates(ctx, h.Workspace, s1, accesslist.Now, projections.Page{})
			require.NoError(t, err)
			slices.Sort(c.want) // a service account's id may come before or after a name
			require.Equal(t, c.want, show(page.Items))
			other, err := q.Candidates(ctx, uuid.New(), s1, accesslist.Now, projections.Page{})
			require.NoError(t, err)
			require.Empty(t, other.Items, "of another workspace")
		})
	}
}

func TestThen(t *testing.T) {
	h := newHistory()
	at := func() eventstore.Position { return eventstore.Position(h.Events[len(h.Events)-1].Position) }
	before := at()
	h.secret(grantTo(secret.ToMember, "d:ann"))
	granted := at()
	h.secret(grantTo(secret.ToMember, "d:bob"))
	both := at()
	h.secret(secret.AccessRevoked{Kind: secret.ToMember, Target: "d:ann"})
	revoked := at()
	h.AddTo(domain.MemberKind, "d:bob", member.Removed{ID: "d:bob"})
	removed := at()
	q := accesslist.New(projectiontest.Apply(t, accesslist.Projector{}, h.Events))
	for position, want := range map[eventstore.Position]string{before: "", granted: "d:ann", both: "d:ann d:bob", both + 1: "d:ann d:bob",
		revoked - 1: "d:ann d:bob", revoked: "d:bob", removed: "", accesslist.Now: ""} {
		require.Equal(t, want, membersAt(t, q, h.Workspace, position), position)
	}
	page, err := q.Secrets(ctx, h.Workspace, "d:ann", both, projections.Page{})
	require.NoError(t, err)
	require.Equal(t, []string{"ann assignment member d:ann"}, show(page.Items))
	require.Equal(t, s1, page.Items[0].Secret)
	page, err = q.Secrets(ctx, h.Workspace, "d:ann", revoked, projections.Page{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
}

func membersAt(t *testing.T, q *accesslist.Queries, ws uuid.UUID, at eventstore.Position) string {
	var members []string
	for _, c := range all(t, q, ws, s1, at) {
		if !slices.Contains(members, c.Member) {
			members = append(members, c.Member)
		}
	}
	return strings.Join(members, " ")
}

// all reads page by page.
func all(t require.TestingT, q *accesslist.Queries, ws, id uuid.UUID, at eventstore.Position) (list []accesslist.Candidate) {
	for p := (projections.Page{Limit: 3}); ; {
		page, err := q.Candidates(ctx, ws, id, at, p)
		require.NoError(t, err)
		list = append(list, page.Items...)
		if p.After = page.Next; p.After == "" {
			return list
		}
	}
}
