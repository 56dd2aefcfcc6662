package reveals

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections"
)

// Kind is what was recorded.
type Kind string

// The kinds.
const (
	Revealed   Kind = "revealed"
	Downloaded Kind = "downloaded"
	Denied     Kind = "denied"
	Withheld   Kind = "withheld"
)

// Order is the order of a list.
type Order string

// The orders. The zero Order is Descending.
const (
	Ascending  Order = "asc"  // the oldest first
	Descending Order = "desc" // the newest first
)

// Filter narrows a list. Zero fields do not.
type Filter struct {
	Secret uuid.UUID
	Member string
	Ticket string
	Kind   Kind
	From   time.Time // inclusive
	To     time.Time // exclusive
	Order  Order
}

// Reveal is one row. Which of its fields are set depends on its kind.
type Reveal struct {
	EventID      uuid.UUID          `json:"event_id"`
	Position     uint64             `json:"-"` // opaque in public
	At           time.Time          `json:"at"`
	Kind         Kind               `json:"kind"`
	Secret       uuid.UUID          `json:"secret"`
	Field        string             `json:"field"`
	ValueVersion int                `json:"value_version,omitempty"`
	Member       string             `json:"member"` // or the key id of a service account
	ActorKind    domain.ActorKind   `json:"actor_kind"`
	Ticket       string             `json:"ticket,omitempty"`
	Reason       string             `json:"reason,omitempty"`
	Code         string             `json:"code,omitempty"` // why it was refused
	Decision     domain.Explanation `json:"decision"`
	Flags        []string           `json:"flags,omitempty"`
	RetryOf      uuid.UUID          `json:"retry_of,omitzero"`
	Of           uuid.UUID          `json:"of,omitzero"`          // the reveal that this one withheld
	WithheldBy   uuid.UUID          `json:"withheld_by,omitzero"` // set: the value never left
}

// Queries reads the live tables.
type Queries struct{ pool *pgxpool.Pool }

// New returns the queries on a pool.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

var (
	errCursor = domain.Refuse(domain.Malformed, "malformed_cursor", "this cursor does not belong to this list")
	errOrder  = domain.Refuse(domain.Malformed, "unknown_order", "order is asc or desc")
	errKind   = domain.Refuse(domain.Malformed, "unknown_kind", "kind is revealed, downloaded, denied or withheld")
)

// List returns a page of what matches, in log order or against it.
func (q *Queries) List(ctx context.Context, workspace uuid.UUID, f Filter, page projections.Page) (
	projections.Paged[Reveal], error) {
	var none projections.Paged[Reveal]
	sql, args, err := listSQL(workspace, f, page)
	if err != nil {
		return none, err
	}
	rows, err := q.pool.Query(ctx, sql, args...)
	if err != nil {
		return none, fmt.Errorf("listing reveals: %w", err)
	}
	items, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return none, fmt.Errorf("listing reveals: %w", err)
	}
	return projections.Cut(page, items, func(r *Reveal) []string { return []string{strconv.FormatUint(r.Position, 10)} }), nil
}

// listSQL has only the conditions that are asked for, so that each is planned for its index. The first one keeps workspaces apart;
// which index is good for it, the others say.
func listSQL(workspace uuid.UUID, f Filter, page projections.Page) (string, []any, error) {
	args := []any{workspace}
	sql := "SELECT " + selected + " FROM reveals.reveal r WHERE " + silent("workspace = $1")
	and := func(condition string, value any) {
		args = append(args, value)
		sql += " AND " + strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args)))
	}
	order, bound := "position", "?" // what the list is in the order of, and what that is at a position
	narrow := func(l lookup, value any) {
		and(l.is("?"), value)
		order, bound = l.order(), l.number("$"+strconv.Itoa(len(args)), "$1", "?")
	}
	if f.Member != "" { // of several, the last one gives the order
		narrow(byMember, f.Member)
	}
	if f.Ticket != "" {
		narrow(byTicket, f.Ticket)
	}
	if f.Secret != uuid.Nil {
		narrow(bySecret, f.Secret)
	}
	looked := len(args) > 1
	switch f.Kind {
	case "":
	case Revealed:
		and("kind = ?", string(f.Kind))
	case Downloaded, Denied, Withheld:
		and("kind <> 'revealed' AND kind = ?", string(f.Kind))
	default:
		return "", nil, errKind
	}
	switch refused := f.Kind != "" && f.Kind != Revealed; {
	case looked: // by numbers that are of the workspace, too
	case refused:
		sql += " AND workspace = $1" // which the index of refusals begins with
	default:
		sql += " AND " + ofWorkspace("workspace") + " = " + ofWorkspace("$1")
	}
	if !f.From.IsZero() {
		and("at >= ?", f.From)
	}
	if !f.To.IsZero() {
		and("at < ?", f.To)
	}
	compare, direction := "<", "DESC"
	switch f.Order {
	case Ascending:
		compare, direction = ">", "ASC"
	case Descending, "":
	default:
		return "", nil, errOrder
	}
	key, more, err := page.Key(1)
	if err != nil {
		return "", nil, err
	}
	if more {
		position, err := strconv.ParseInt(key[0], 10, 64)
		if err != nil || position < 0 || position >= positions {
			return "", nil, errCursor
		}
		and(order+" "+compare+" "+bound, position)
	}
	return sql + " ORDER BY " + order + " " + direction + " LIMIT " + strconv.Itoa(page.Size()+1), args, nil
}

const selected = `event_id, position, at, kind, secret, field, value_version, member, actor_kind,
	coalesce(ticket, ''), coalesce(reason, ''), coalesce(code, ''), decision, flags, retry_of, of,
	(SELECT w.event_id FROM reveals.withheld w WHERE w.workspace = r.workspace AND w.of = r.event_id)`

func scan(row pgx.CollectableRow) (r Reveal, err error) {
	var position int64
	var packed []byte
	var retryOf, of, withheldBy *uuid.UUID
	if err = row.Scan(&r.EventID, &position, &r.At, &r.Kind, &r.Secret, &r.Field, &r.ValueVersion, &r.Member, &r.ActorKind,
		&r.Ticket, &r.Reason, &r.Code, &packed, &r.Flags, &retryOf, &of, &withheldBy); err != nil {
		return r, err
	}
	r.Position, r.At = uint64(position), r.At.UTC()
	for to, from := range map[*uuid.UUID]*uuid.UUID{&r.RetryOf: retryOf, &r.Of: of, &r.WithheldBy: withheldBy} {
		if from != nil {
			*to = *from
		}
	}
	decision, err := unpackDecision(packed)
	if err != nil {
		return r, fmt.Errorf("reading the decision of event %s: %w", r.EventID, err)
	}
	r.Decision = domain.Explanation(decision)
	return r, nil
}
