package directory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
	"github.com/kdesk/client-secrets/projections/projectiontest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var (
	ctx     = context.Background()
	private = domain.NewPrivate
)

type history struct{ *projectiontest.History }

func opened() history {
	h := history{projectiontest.NewHistory()}
	h.workspace(workspace.Opened{Name: private("Acme"), Owner: "zd:1"})
	return h
}

func (h history) workspace(events ...domain.Event) {
	h.Add(domain.Stream(domain.WorkspaceKind, h.Workspace), events...)
}

func (h history) member(id, name string, events ...domain.Event) {
	synced := member.Synced{ID: id, Incarnation: 1, Name: private(name), Email: private(name + "@example.com"), Division: "EU",
		Title: private("Agent"), Active: true}
	h.AddTo(domain.MemberKind, id, append([]domain.Event{synced}, events...)...)
}

func (h history) queries(t *testing.T) *directory.Queries {
	return directory.New(projectiontest.Apply(t, directory.Projector{}, h.Events))
}

func TestWorkspaces(t *testing.T) {
	h := opened()
	on, limit, key := true, 20, uuid.New()
	h.workspace(workspace.SettingsChanged{Enabled: &on, RevealLimitPerHour: &limit},
		workspace.SettingsChanged{RevealVerification: &workspace.Verification{Required: true, UnlockMinutes: 5}},
		workspace.APIKeyIssued{KeyID: key, Name: private("export"), Permissions: []domain.Permission{domain.AuditRead}, Hash: []byte("h")},
		workspace.APIKeyIssued{KeyID: uuid.New(), Name: private("gone"), Hash: []byte("g")})
	h.workspace(workspace.APIKeyRevoked{KeyID: h.Events[4].Event.(workspace.APIKeyIssued).KeyID})
	q := h.queries(t)

	w, err := q.GetWorkspace(ctx, h.Workspace)
	require.NoError(t, err)
	require.Equal(t, "Acme", w.Name)
	require.Equal(t, h.Workspace, w.ID)
	settings, revision, err := q.Settings(ctx, h.Workspace)
	require.NoError(t, err)
	require.EqualValues(t, 5, revision)
	b, err := json.Marshal(settings)
	require.NoError(t, err)
	require.JSONEq(t, `{"enabled": true, "reveal_verification": {"required": true, "unlock_minutes": 5},
		"expired_reveals": "managers_with_confirmation", "reason": "optional", "remask_seconds": 30,
		"reveal_limit_per_hour": 20}`, string(b))

	keys, err := q.ListAPIKeys(ctx, h.Workspace, "", projections.Page{})
	require.NoError(t, err)
	require.Len(t, keys.Items, 1)
	require.Equal(t, key.String(), keys.Items[0].ID)
	names, err := q.WorkspaceNames(ctx, []uuid.UUID{h.Workspace, uuid.New()})
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]string{h.Workspace: "Acme"}, names)
	_, _, err = q.Settings(ctx, uuid.New())
	require.ErrorIs(t, err, workspace.ErrNotFound)
}

func TestMembers(t *testing.T) {
	h := opened()
	h.member("zd:1", "Olga")
	h.member("zd:2", "anna", member.IdentityBound{ID: "zd:2", Issuer: "https://i", SubjectHash: []byte{1, 2}},
		member.PermissionsChanged{ID: "zd:2", Granted: []domain.Permission{domain.SecretsReveal, domain.SecretsView}},
		member.PermissionsChanged{ID: "zd:2", Revoked: []domain.Permission{domain.SecretsView}},
		member.DenialsSuppressed{ID: "zd:2", Count: 3})
	h.member("zd:3", "Boris", member.OwnershipChanged{ID: "zd:3", Owner: true})
	h.member("zd:4", "Gone", member.Removed{ID: "zd:4"})
	h.member("zd:5", "Erased", member.Erased{ID: "zd:5"})
	q := h.queries(t)

	all, err := q.ListMembers(ctx, h.Workspace, "", projections.Page{})
	require.NoError(t, err)
	require.Equal(t, []string{"anna", "Boris", "erased", "Olga"}, names(all.Items, func(m directory.Member) string { return m.Name }))
	require.Empty(t, all.Next)
	anna, err := q.GetMember(ctx, h.Workspace, "zd:2")
	require.NoError(t, err)
	b, err := json.Marshal(anna)
	require.NoError(t, err)
	require.JSONEq(t, `{"id": "zd:2", "name": "anna", "email": "anna@example.com", "division": "EU", "title": "Agent",
		"active": true, "owner": false, "permissions": ["secrets.reveal"], "identity_bound": true, "revision": 4}`, string(b))
	olga, err := q.GetMember(ctx, h.Workspace, "zd:1")
	require.NoError(t, err)
	require.True(t, olga.Owner, "named by the opening of the workspace")
	erased, err := q.GetMember(ctx, h.Workspace, "zd:5")
	require.NoError(t, err)
	require.Equal(t, []string{"erased", "erased", "erased"}, []string{erased.Name, erased.Email, erased.Title})
	_, err = q.GetMember(ctx, h.Workspace, "zd:4")
	require.ErrorIs(t, err, member.ErrNotFound)
	_, err = q.GetMember(ctx, uuid.New(), "zd:2")
	require.ErrorIs(t, err, member.ErrNotFound, "in another workspace")

	memberships, err := q.Memberships(ctx, []byte{1, 2})
	require.NoError(t, err)
	require.Equal(t, []directory.Membership{{Workspace: h.Workspace, Name: "Acme", Member: "zd:2", Active: true,
		Permissions: []domain.Permission{domain.SecretsReveal}}}, memberships)
}

func TestAReturningMemberInheritsNothing(t *testing.T) {
	h := opened()
	h.member("zd:1", "Olga")
	h.member("zd:2", "anna", member.IdentityBound{ID: "zd:2", Issuer: "i", SubjectHash: []byte{1}},
		member.PermissionsChanged{ID: "zd:2", Granted: []domain.Permission{domain.SecretsView}},
		member.OwnershipChanged{ID: "zd:2", Owner: true})
	h.AddTo(domain.GroupKind, "zd:g", group.Synced{ID: "zd:g", Name: private("Tier 1"), Added: []string{"zd:2", "zd:1"}})
	h.AddTo(domain.ContactKind, "zd:c", contact.Synced{ID: "zd:c", Incarnation: 1, OwnersAdded: []string{"zd:2", "zd:1"}})
	h.AddTo(domain.MemberKind, "zd:1", member.Removed{ID: "zd:1"}, member.Synced{ID: "zd:1", Incarnation: 2})
	h.AddTo(domain.MemberKind, "zd:2", member.Removed{ID: "zd:2"}, member.Synced{ID: "zd:2", Incarnation: 2, Name: private("anna")})
	q := h.queries(t)

	anna, err := q.GetMember(ctx, h.Workspace, "zd:2")
	require.NoError(t, err)
	require.False(t, anna.Owner || anna.IdentityBound)
	require.Empty(t, anna.Permissions)
	olga, err := q.GetMember(ctx, h.Workspace, "zd:1")
	require.NoError(t, err)
	require.False(t, olga.Owner, "even the first owner")
	g, err := q.GetGroup(ctx, h.Workspace, "zd:g")
	require.NoError(t, err)
	require.Empty(t, g.Members)
	c, err := q.GetContact(ctx, h.Workspace, "zd:c")
	require.NoError(t, err)
	require.Empty(t, c.Owners)
}

func TestGroupsContactsAndTickets(t *testing.T) {
	h := opened()
	h.AddTo(domain.GroupKind, "zd:g", group.Synced{ID: "zd:g", Name: private("Tier 1"), Added: []string{"zd:2", "zd:1"}},
		group.Synced{ID: "zd:g", Name: private("Tier 2"), Added: []string{"zd:3"}, Removed: []string{"zd:2"}})
	h.AddTo(domain.GroupKind, "zd:h", group.Synced{ID: "zd:h", Name: private("Old")}, group.Removed{ID: "zd:h"})
	h.AddTo(domain.ContactKind, "zd:c", contact.Synced{ID: "zd:c", Incarnation: 1, Name: private("Carl"), Company: private("Globex"),
		Email: private("carl@globex.example"), OwnersAdded: []string{"zd:1"}})
	h.AddTo(domain.ContactKind, "zd:d", contact.Synced{ID: "zd:d", Incarnation: 1, Name: private("Dora")}, contact.Erased{ID: "zd:d"})
	h.AddTo(domain.TicketKind, "zd:9", ticket.Synced{ID: "zd:9", SourceVersion: "7", Incarnation: 1, Subject: private("100% down_"),
		URL: private("https://t/9"), Status: ticket.Open, Category: "net", Contact: "zd:c", CreatedBy: "zd:1",
		Assignees: []string{"zd:1"}, Groups: []string{"zd:g"}}, ticket.SyncIgnored{ID: "zd:9", SourceVersion: "6"})
	h.AddTo(domain.TicketKind, "zd:8", ticket.Synced{ID: "zd:8", Incarnation: 1}, ticket.Removed{ID: "zd:8"})
	q := h.queries(t)

	g, err := q.GetGroup(ctx, h.Workspace, "zd:g")
	require.NoError(t, err)
	require.Equal(t, directory.Group{ID: "zd:g", Name: "Tier 2", Members: []string{"zd:1", "zd:3"}, Revision: 1}, g)
	_, err = q.GetGroup(ctx, h.Workspace, "zd:h")
	require.ErrorIs(t, err, group.ErrNotFound)
	contacts, err := q.ListContacts(ctx, h.Workspace, "GLOBEX", projections.Page{})
	require.NoError(t, err)
	require.Equal(t, []string{"zd:1"}, contacts.Items[0].Owners)
	dora, err := q.GetContact(ctx, h.Workspace, "zd:d")
	require.NoError(t, err)
	require.Equal(t, []string{"erased", "erased", "erased"}, []string{dora.Name, dora.Company, dora.Email})

	one, err := q.GetTicket(ctx, h.Workspace, "zd:9")
	require.NoError(t, err)
	b, err := json.Marshal(one)
	require.NoError(t, err)
	require.JSONEq(t, `{"id": "zd:9", "subject": "100% down_", "url": "https://t/9", "status": "open", "category": "net",
		"contact": "zd:c", "contacts": [], "created_by": "zd:1", "assignees": ["zd:1"], "followers": [], "groups": ["zd:g"],
		"approvers": [], "source_version": "7", "revision": 1}`, string(b))
	for search, found := range map[string]int{"": 1, "DOWN": 1, "0%": 1, "n_": 1, "%%": 0, "1_0": 0, `\`: 0, "zd:9": 1, "\x00": 1} {
		list, err := q.ListTickets(ctx, h.Workspace, search, projections.Page{})
		require.NoError(t, err)
		require.Len(t, list.Items, found, "%q", search)
	}
}

func TestPagesAreStableUnderInserts(t *testing.T) {
	h := opened()
	for i := range 25 {
		h.member(fmt.Sprintf("zd:%02d", 25-i), []string{"Same", "same", "Other"}[i%3])
	}
	pool := projectiontest.Apply(t, directory.Projector{}, h.Events)
	q := directory.New(pool)
	seen, page := []string{}, projections.Page{Limit: 4}
	for {
		got, err := q.ListMembers(ctx, h.Workspace, "", page)
		require.NoError(t, err)
		seen = append(seen, names(got.Items, func(m directory.Member) string { return m.ID })...)
		if page.After == "" { // sorts before what was read
			_, err = pool.Exec(ctx, `INSERT INTO directory.member (workspace, id, name, email, division, title, active, owner, permissions,
				issuers, subject_hashes, incarnation, revision, user_name, external_id)
				VALUES ($1, 'zd:aa', 'aa', '', '', '', true, false, '{}', '{}', '{}', 1, 0, '', '')`, h.Workspace)
			require.NoError(t, err)
		}
		if page.After = got.Next; page.After == "" {
			break
		}
	}
	require.Len(t, seen, 25)
	unique := map[string]bool{}
	for _, id := range seen {
		unique[id] = true
	}
	require.Len(t, unique, 25)
	for _, bad := range []string{"x", `["a"]`, `["a","b","c"]`, "[\"a\",\"\\u0000\"]", `{}`} {
		_, err := q.ListMembers(ctx, h.Workspace, "", projections.Page{After: bad})
		require.ErrorIs(t, err, projections.ErrCursor, bad)
	}
}

func TestAnEventOfAnotherWorkspaceIsRefused(t *testing.T) {
	h := opened()
	h.Add(domain.DirectoryStream(uuid.New(), domain.MemberKind, "zd:1"), member.Synced{ID: "zd:1", Incarnation: 1})
	pool := projectiontest.Apply(t, directory.Projector{}, h.Events[:1])
	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, "SET LOCAL search_path TO directory")
	require.NoError(t, err)
	require.ErrorContains(t, directory.Projector{}.Apply(ctx, tx, h.Events), "not of the stream's workspace")
}

func names[T any](items []T, name func(T) string) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = name(item)
	}
	return all
}
