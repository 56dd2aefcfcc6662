package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/projections"
)

// Queries reads the live tables. A thing that the workspace does not have is refused with the domain's ErrNotFound.
type Queries struct{ pool *pgxpool.Pool }

// New returns the queries on a pool.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

// ListMembers returns a page of members whose name, email or title contains q, whatever the case.
func (q *Queries) ListMembers(ctx context.Context, ws uuid.UUID, search string, page projections.Page) (projections.Paged[Member], error) {
	return memberList.list(ctx, q.pool, ws, search, page)
}

// ListGroups returns a page of groups whose name contains search.
func (q *Queries) ListGroups(ctx context.Context, ws uuid.UUID, search string, page projections.Page) (projections.Paged[Group], error) {
	return groupList.list(ctx, q.pool, ws, search, page)
}

// ListContacts returns a page of contacts whose name, company or email contains search.
func (q *Queries) ListContacts(ctx context.Context, ws uuid.UUID, search string, page projections.Page) (projections.Paged[Contact], error) {
	return contactList.list(ctx, q.pool, ws, search, page)
}

// ListTickets returns a page of tickets whose subject or id contains search.
func (q *Queries) ListTickets(ctx context.Context, ws uuid.UUID, search string, page projections.Page) (projections.Paged[Ticket], error) {
	return ticketList.list(ctx, q.pool, ws, search, page)
}

// ListAPIKeys returns a page of service accounts that are not revoked.
func (q *Queries) ListAPIKeys(ctx context.Context, ws uuid.UUID, search string, page projections.Page) (projections.Paged[APIKey], error) {
	return apiKeyList.list(ctx, q.pool, ws, search, page)
}

// GetMember returns one member.
func (q *Queries) GetMember(ctx context.Context, ws uuid.UUID, id string) (Member, error) {
	return memberList.get(ctx, q.pool, ws, id)
}

// GetGroup returns one group.
func (q *Queries) GetGroup(ctx context.Context, ws uuid.UUID, id string) (Group, error) {
	return groupList.get(ctx, q.pool, ws, id)
}

// GetContact returns one contact.
func (q *Queries) GetContact(ctx context.Context, ws uuid.UUID, id string) (Contact, error) {
	return contactList.get(ctx, q.pool, ws, id)
}

// GetTicket returns one ticket.
func (q *Queries) GetTicket(ctx context.Context, ws uuid.UUID, id string) (Ticket, error) {
	return ticketList.get(ctx, q.pool, ws, id)
}

// GetWorkspace returns a workspace.
func (q *Queries) GetWorkspace(ctx context.Context, ws uuid.UUID) (Workspace, error) {
	return workspaceList.get(ctx, q.pool, ws, ws.String())
}

// Settings returns a workspace's settings and its revision.
func (q *Queries) Settings(ctx context.Context, ws uuid.UUID) (Settings, uint64, error) {
	w, err := q.GetWorkspace(ctx, ws)
	return w.Settings, w.Revision, err
}

// WorkspaceNames returns the names of those workspaces that there are.
func (q *Queries) WorkspaceNames(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	rows, err := q.pool.Query(ctx, "SELECT workspace, name FROM directory.workspace WHERE workspace = ANY($1)", ids)
	if err != nil {
		return nil, fmt.Errorf("reading names of workspaces: %w", err)
	}
	names := make(map[uuid.UUID]string, len(ids))
	var id uuid.UUID
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[id] = name; return nil })
	if err != nil {
		return nil, fmt.Errorf("reading names of workspaces: %w", err)
	}
	return names, nil
}

// Membership is what one sign-in is in one workspace.
type Membership struct {
	Workspace   uuid.UUID           `json:"id"`
	Name        string              `json:"name"` // of the workspace
	Member      string              `json:"member"`
	Active      bool                `json:"active"`
	Owner       bool                `json:"owner"`
	Permissions []domain.Permission `json:"permissions"` // given one by one; an owner has all
	Enabled     bool                `json:"enabled"`     // whether Client Secrets are on
}

// Memberships returns the workspaces that a sign-in belongs to, by name. subjectHash is the keyed hash of issuer and
// subject that the log has.
func (q *Queries) Memberships(ctx context.Context, subjectHash []byte) ([]Membership, error) {
	rows, err := q.pool.Query(ctx, `SELECT w.workspace, w.name, m.id, m.active, m.owner, m.permissions,
			(w.settings->>'enabled')::boolean
		FROM directory.member m JOIN directory.workspace w USING (workspace)
		WHERE m.subject_hashes @> ARRAY[$1::bytea] ORDER BY lower(w.name), w.workspace, m.id`, subjectHash)
	if err != nil {
		return nil, fmt.Errorf("reading memberships: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Membership])
	if err != nil {
		return nil, fmt.Errorf("reading memberships: %w", err)
	}
	return all, nil
}

// listing is a table as queries see it.
type listing[R any] struct {
	table    string
	columns  string
	fields   func(*R) []any
	search   string           // SQL of the text that a search looks in
	identify func(*R, string) // sets what follows from the id
	notFound error
}

var (
	workspaceList = listing[Workspace]{"workspace", workspaceColumns, workspaceFields, "name",
		func(w *Workspace, id string) { w.ID, _ = uuid.Parse(id) }, workspace.ErrNotFound}
	apiKeyList = listing[APIKey]{"api_key", apiKeyColumns, apiKeyFields, "name",
		func(k *APIKey, id string) { k.ID = id }, nil}
	memberList = listing[Member]{"member", memberColumns, memberFields, `concat_ws(E'\n', name, email, title)`,
		func(m *Member, id string) { m.ID, m.IdentityBound = id, len(m.subjectHashes) > 0 }, member.ErrNotFound}
	groupList = listing[Group]{"team", groupColumns, groupFields, "name",
		func(g *Group, id string) { g.ID = id }, group.ErrNotFound}
	contactList = listing[Contact]{"contact", contactColumns, contactFields, `concat_ws(E'\n', name, company, email)`,
		func(c *Contact, id string) { c.ID = id }, contact.ErrNotFound}
	ticketList = listing[Ticket]{"ticket", ticketColumns, ticketFields, `concat_ws(E'\n', subject, id)`,
		func(t *Ticket, id string) { t.ID = id }, ticket.ErrNotFound}
)

// list returns a page sorted by the lower-cased name (by code points, its first 200 characters) and id, so that it is
// stable under inserts.
func (l listing[R]) list(ctx context.Context, pool *pgxpool.Pool, ws uuid.UUID, search string, page projections.Page) (
	projections.Paged[R], error) {
	var none projections.Paged[R]
	after, further, err := page.Key(2)
	if err != nil {
		return none, err
	}
	sql := "SELECT sort, id, " + strings.Join(strings.Fields(l.columns), ", ") + " FROM directory." + l.table + " WHERE workspace = $1"
	args := []any{ws}
	if search != "" {
		args = append(args, projections.Like(search))
		sql += fmt.Sprintf(" AND %s ILIKE $%d", l.search, len(args))
	}
	if further {
		args = append(args, after[0], after[1])
		sql += fmt.Sprintf(" AND (sort, id) > ($%d, $%d)", len(args)-1, len(args))
	}
	rows, err := pool.Query(ctx, sql+fmt.Sprintf(" ORDER BY sort, id LIMIT %d", page.Size()+1), args...)
	if err != nil {
		return none, fmt.Errorf("listing the directory's %ss: %w", l.table, err)
	}
	found, err := pgx.CollectRows(rows, l.scan)
	if err != nil {
		return none, fmt.Errorf("listing the directory's %ss: %w", l.table, err)
	}
	cut := projections.Cut(page, found, func(r *sorted[R]) []string { return []string{r.sort, r.id} })
	items := make([]R, len(cut.Items))
	for i := range cut.Items {
		items[i] = cut.Items[i].row
	}
	return projections.Paged[R]{Items: items, Next: cut.Next}, nil
}

// sorted is a row with its sort key.
type sorted[R any] struct {
	sort, id string
	row      R
}

func (l listing[R]) scan(row pgx.CollectableRow) (s sorted[R], err error) {
	if err = row.Scan(append([]any{&s.sort, &s.id}, l.fields(&s.row)...)...); err == nil {
		l.identify(&s.row, s.id)
	}
	return s, err
}

func (l listing[R]) get(ctx context.Context, pool *pgxpool.Pool, ws uuid.UUID, id string) (R, error) {
	var r R
	sql := "SELECT " + strings.Join(strings.Fields(l.columns), ", ") + " FROM directory." + l.table + " WHERE workspace = $1 AND id = $2"
	err := pool.QueryRow(ctx, sql, ws, id).Scan(l.fields(&r)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, l.notFound
	}
	if err != nil {
		return r, fmt.Errorf("reading a %s of the directory: %w", l.table, err)
	}
	l.identify(&r, id)
	return r, nil
}
