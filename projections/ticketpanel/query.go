package ticketpanel

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/record"
	"github.com/kdesk/client-secrets/projections/record/table"
)

// Why an item is in a panel.
const (
	WhyLinked  = "linked"  // linked to the ticket
	WhyContact = "contact" // related to a contact of the ticket
)

// Bounds of a panel.
const (
	MaxItems      = 200  // that a panel shows
	maxCandidates = 2000 // that are offered to visible
	cachedRecords = 8192 // some 3 kB each
)

// Item is a record in a panel and why it is there. Record is shared: it must not be changed.
type Item struct {
	Record *record.Secret
	Why    []string
}

// Visible tells whether the caller's member may see a secret. It must be quick; a nil one lets all through.
type Visible func(secret uuid.UUID) bool

// Linkable asks for secrets that could be linked to the ticket.
type Linkable struct {
	Q       string // found in name or description, whatever the case
	Limit   int    // 1 to 200, 0 is 50
	Visible Visible
	Only    []uuid.UUID // limits them to these ids; nil does not, an empty list leaves none
}

// Queries reads the live tables. It keeps decoded records of recent answers.
type Queries struct {
	pool  *pgxpool.Pool
	cache *lru.Cache[version, *record.Secret]
}

// version names one state of one record for ever: changed is the log position that made it.
type version struct {
	workspace, id uuid.UUID
	changed       int64
}

// New returns the queries on a pool.
func New(pool *pgxpool.Pool) *Queries {
	cache, _ := lru.New[version, *record.Secret](cachedRecords) // fails for sizes below 1 only
	return &Queries{pool, cache}
}

// The inner query decides which rows there are, by two indexes; documents are read for those alone.
const panelSQL = `SELECT r.id, r.changed, r.doc, p.linked, p.contact FROM (
		SELECT l.secret, bool_or(l.key = t.keys[1]) AS linked, bool_or(l.key <> t.keys[1]) AS contact
		FROM ticketpanel.ticket t JOIN ticketpanel.link l ON l.workspace = t.workspace AND l.key = ANY(t.keys)
		WHERE t.workspace = $1 AND t.id = $2 GROUP BY l.secret) p
	JOIN ticketpanel.record r ON r.workspace = $1 AND r.id = p.secret
	ORDER BY p.linked DESC, r.sort_name, r.id LIMIT $3`

const linkableSQL = `SELECT r.id, r.changed, r.doc, false, false FROM ticketpanel.record r
	WHERE r.workspace = $1 AND r.search LIKE $2 AND NOT r.destroyed
	AND EXISTS (SELECT FROM ticketpanel.ticket t WHERE t.workspace = $1 AND t.id = $3)
	AND NOT EXISTS (SELECT FROM ticketpanel.link l WHERE l.workspace = $1 AND l.secret = r.id AND l.key = $4)`

const (
	linkableOrder = " ORDER BY r.sort_name, r.id LIMIT $5"
	linkableOnly  = " AND r.id = ANY($6)"
)

// Panel returns the records linked to a ticket or sharing a contact with it that are visible: the linked ones first, then
// by name, at most MaxItems. A ticket that is not there, or was removed, has none.
func (q *Queries) Panel(ctx context.Context, workspace uuid.UUID, ticket string, visible Visible) ([]Item, error) {
	rows, err := q.pool.Query(ctx, panelSQL, workspace, ticket, candidates(visible))
	if err != nil {
		return nil, fmt.Errorf("reading the panel of a ticket: %w", err)
	}
	return q.collect(rows, workspace, visible, MaxItems)
}

// Linkable returns records that are not linked to the ticket yet, by name.
func (q *Queries) Linkable(ctx context.Context, workspace uuid.UUID, ticket string, l Linkable) ([]Item, error) {
	sql, args := l.query(workspace, ticket)
	rows, err := q.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading what can be linked to a ticket: %w", err)
	}
	return q.collect(rows, workspace, l.Visible, projections.Page{Limit: l.Limit}.Size())
}

// PanelWithLinkable returns the answers of Panel and Linkable, in one round trip.
func (q *Queries) PanelWithLinkable(ctx context.Context, workspace uuid.UUID, ticket string, visible Visible, l Linkable) (
	items, linkable []Item, err error) {
	batch := &pgx.Batch{}
	batch.Queue(panelSQL, workspace, ticket, candidates(visible)).Query(func(rows pgx.Rows) (err error) {
		items, err = q.collect(rows, workspace, visible, MaxItems)
		return err
	})
	sql, args := l.query(workspace, ticket)
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		linkable, err = q.collect(rows, workspace, l.Visible, projections.Page{Limit: l.Limit}.Size())
		return err
	})
	if err := q.pool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, nil, fmt.Errorf("reading the panel of a ticket: %w", err)
	}
	return items, linkable, nil
}

func (l Linkable) query(workspace uuid.UUID, ticket string) (string, []any) {
	limit := projections.Page{Limit: l.Limit}.Size()
	if l.Visible != nil {
		limit = maxCandidates
	}
	pattern := "%"
	if strings.TrimSpace(l.Q) != "" {
		pattern = table.Pattern(l.Q)
	}
	args := []any{workspace, pattern, ticket, string(record.TicketKey(ticket)), limit}
	if l.Only == nil {
		return linkableSQL + linkableOrder, args
	}
	return linkableSQL + linkableOnly + linkableOrder, append(args, l.Only)
}

// candidates bounds the rows of a panel: some may turn out not to be visible.
func candidates(visible Visible) int {
	if visible == nil {
		return MaxItems
	}
	return maxCandidates
}

// collect reads rows until limit items are visible. Documents seen before are not decoded again.
func (q *Queries) collect(rows pgx.Rows, workspace uuid.UUID, visible Visible, limit int) ([]Item, error) {
	defer rows.Close()
	items := []Item{}
	v := version{workspace: workspace}
	var doc pgtype.DriverBytes
	var linked, contact bool
	for len(items) < limit && rows.Next() {
		if err := rows.Scan(&v.id, &v.changed, &doc, &linked, &contact); err != nil {
			return nil, fmt.Errorf("reading records: %w", err)
		}
		if visible != nil && !visible(v.id) {
			continue
		}
		r, ok := q.cache.Get(v)
		if !ok {
			var err error
			if r, err = record.Decode(workspace, doc); err != nil {
				return nil, err
			}
			q.cache.Add(v, r)
		}
		items = append(items, Item{r, why(linked, contact)})
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading records: %w", err)
	}
	return items, nil
}

func why(linked, contact bool) []string {
	switch {
	case linked && contact:
		return []string{WhyLinked, WhyContact}
	case linked:
		return []string{WhyLinked}
	case contact:
		return []string{WhyContact}
	}
	return nil
}
