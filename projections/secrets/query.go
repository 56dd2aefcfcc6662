package secrets

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/record"
	"github.com/kdesk/client-secrets/projections/record/table"
)

// ErrNotFound tells that a workspace has no such secret. A cursor of another list is malformed.
var (
	ErrNotFound = domain.Refuse(domain.NotFound, "secret_not_found", "there is no such secret")
	errCursor   = domain.Refuse(domain.Malformed, "malformed_cursor", "this cursor does not belong to this list")
)

// State narrows a list.
type State string

// The states. The first two are about the switch, the others about the date: a secret can be active and expired.
const (
	AnyState State = ""
	Active   State = "active"
	Inactive State = "inactive"
	Expired  State = "expired"  // by Filter.Now
	Expiring State = "expiring" // not yet, but within 30 days of Filter.Now

	Destroyed State = "destroyed" // the destruction was requested; none of the other states but AnyState has such
)

const expiringSoon = 30 * 24 * time.Hour

// Filter narrows a list. Zero fields do not.
type Filter struct {
	Q        string // found in name or description, whatever the case
	Ticket   string // linked
	Contact  string // related
	Template uuid.UUID
	State    State
	Now      time.Time // for Expired and Expiring
}

// ValueVersion is one version of a field's value, without it.
type ValueVersion struct {
	Version   int       `json:"version"`
	IsSet     bool      `json:"is_set"` // false: the value was cleared
	ChangedAt time.Time `json:"changed_at"`
	ChangedBy string    `json:"changed_by"`
}

// Queries reads the live tables.
type Queries struct{ pool *pgxpool.Pool }

// New returns the queries on a pool.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

// Get returns a record; ErrNotFound if there is none.
func (q *Queries) Get(ctx context.Context, workspace, id uuid.UUID) (*record.Secret, error) {
	var doc []byte
	err := q.pool.QueryRow(ctx, "SELECT doc FROM secrets.record WHERE workspace = $1 AND id = $2", workspace, id).Scan(&doc)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading secret %s: %w", id, err)
	}
	return record.Decode(workspace, doc)
}

// GetMany returns those records of a list of ids that there are, sorted by name.
func (q *Queries) GetMany(ctx context.Context, workspace uuid.UUID, ids []uuid.UUID) ([]*record.Secret, error) {
	rows, err := q.pool.Query(ctx, `SELECT doc FROM secrets.record WHERE workspace = $1 AND id = ANY($2)
		ORDER BY sort_name, id`, workspace, ids)
	if err != nil {
		return nil, fmt.Errorf("reading secrets: %w", err)
	}
	return collect(rows, workspace)
}

// List returns a page of records, sorted by name in lower case (by Unicode code points) and id. only limits it to those
// ids; nil does not, an empty list leaves nothing. Inserts between two pages neither repeat nor hide records.
func (q *Queries) List(ctx context.Context, workspace uuid.UUID, f Filter, only []uuid.UUID, page projections.Page) (
	projections.Paged[*record.Secret], error) {
	var none projections.Paged[*record.Secret]
	after, more, err := page.Key(2)
	if err != nil {
		return none, err
	}
	sql, args, err := listSQL(workspace, f, only)
	if err != nil {
		return none, err
	}
	if more {
		id, err := uuid.Parse(after[1])
		if err != nil {
			return none, errCursor
		}
		sql += fmt.Sprintf(" AND (sort_name, id) > ($%d, $%d)", len(args)+1, len(args)+2)
		args = append(args, after[0], id)
	}
	rows, err := q.pool.Query(ctx, sql+" ORDER BY sort_name, id LIMIT "+strconv.Itoa(page.Size()+1), args...)
	if err != nil {
		return none, fmt.Errorf("listing secrets: %w", err)
	}
	items, err := collect(rows, workspace)
	if err != nil {
		return none, err
	}
	return projections.Cut(page, items, func(r **record.Secret) []string {
		return []string{table.SortName((*r).Name), (*r).ID.String()}
	}), nil
}

// listSQL has only the conditions that are asked for, so that each is planned for its index.
func listSQL(workspace uuid.UUID, f Filter, only []uuid.UUID) (string, []any, error) {
	args := []any{workspace}
	var sql strings.Builder
	sql.WriteString("SELECT doc FROM secrets.record r WHERE workspace = $1")
	and := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		sql.WriteString(" AND " + condition)
	}
	linked := "EXISTS (SELECT FROM secrets.link l WHERE l.workspace = r.workspace AND l.secret = r.id AND l.key = ?)"
	if f.Q != "" {
		and("search LIKE ?", table.Pattern(f.Q))
	}
	if f.Ticket != "" {
		and(linked, string(record.TicketKey(f.Ticket)))
	}
	if f.Contact != "" {
		and(linked, string(record.ContactKey(f.Contact)))
	}
	if f.Template != uuid.Nil {
		and("template = ?", f.Template)
	}
	if only != nil {
		and("id = ANY(?)", only)
	}
	switch f.State {
	case Active:
		and("active")
	case Inactive:
		and("NOT active AND NOT destroyed")
	case Expired:
		and("expires_at <= ?", f.Now)
	case Expiring:
		and("expires_at > ? AND expires_at <= ?", f.Now, f.Now.Add(expiringSoon))
	case Destroyed:
		and("destroyed")
	case AnyState:
	default:
		return "", nil, domain.Refuse(domain.Malformed, "unknown_state", "state is active, inactive, expired, expiring or destroyed")
	}
	return sql.String(), args, nil
}

func collect(rows pgx.Rows, workspace uuid.UUID) ([]*record.Secret, error) {
	found := []*record.Secret{}
	var doc []byte
	_, err := pgx.ForEachRow(rows, []any{&doc}, func() error {
		r, err := record.Decode(workspace, doc)
		found = append(found, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading secrets: %w", err)
	}
	return found, nil
}

// Versions returns a page of the versions of a field's value, the newest first.
func (q *Queries) Versions(ctx context.Context, workspace, id uuid.UUID, field string, page projections.Page) (
	projections.Paged[ValueVersion], error) {
	var none projections.Paged[ValueVersion]
	key, more, err := page.Key(1)
	if err != nil {
		return none, err
	}
	before := int64(math.MaxInt64)
	if more {
		if before, err = strconv.ParseInt(key[0], 10, 64); err != nil {
			return none, errCursor
		}
	}
	rows, err := q.pool.Query(ctx, `SELECT version, is_set, changed_at, changed_by FROM secrets.value_version
		WHERE workspace = $1 AND secret = $2 AND field = $3 AND version < $4::bigint ORDER BY version DESC LIMIT $5`,
		workspace, id, field, before, page.Size()+1)
	if err != nil {
		return none, fmt.Errorf("listing value versions: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v ValueVersion, err error) {
		err = row.Scan(&v.Version, &v.IsSet, &v.ChangedAt, &v.ChangedBy)
		v.ChangedAt = v.ChangedAt.UTC()
		return v, err
	})
	if err != nil {
		return none, fmt.Errorf("listing value versions: %w", err)
	}
	return projections.Cut(page, items, func(v *ValueVersion) []string { return []string{strconv.Itoa(v.Version)} }), nil
}
