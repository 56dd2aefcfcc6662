package reveals

import (
	"context"
	"fmt"
	"strconv"
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

// narrowed is a lookup of a value.
type narrowed struct {
	lookup
	value any
}

// lookups returns what a list is narrowed to; first that of which, as a rule, there are the fewest reveals.
func (f Filter) lookups() (found []narrowed) {
	if f.Ticket != "" {
		found = append(found, narrowed{byTicket, f.Ticket})
	}
	if f.Secret != uuid.Nil {
		found = append(found, narrowed{bySecret, f.Secret})
	}
	if f.Member != "" {
		found = append(found, narrowed{byMember, f.Member})
	}
	return found
}

// listSQL has only the conditions that are asked for, so that each list is planned for its index. The first condition keeps
// workspaces apart, and values that share a number; which index is good for the list, the others say.
func listSQL(workspace uuid.UUID, f Filter, page projections.Page) (string, []any, error) {
	args := []any{workspace}
	arg := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	same, where := "workspace = $1", ""
	and := func(condition string) { where += " AND " + condition }
	order, bound := "position", func(position string) string { return position } // what the list is in the order of, and a value of it
	lookups := f.lookups()
	for i, by := range lookups {
		value := arg(by.value)
		same += " AND " + by.column + " = " + value
		if i == 0 {
			and(by.among(value))
			order, bound = by.order(), func(position string) string { return unknown(by.number(value, "$1", position)) }
		}
	}
	refused := false
	switch f.Kind {
	case "":
	case Revealed:
		and("kind = " + arg(string(f.Kind)))
	case Downloaded, Denied, Withheld:
		refused = true
		and("kind <> 'revealed' AND kind = " + arg(string(f.Kind)))
	default:
		return "", nil, errKind
	}
	switch {
	case len(lookups) > 0: // by numbers that are of the workspace, too
	case refused:
		and("workspace = $1") // which the index of refusals begins with
	default:
		and(ofWorkspace("workspace") + " = " + ofWorkspace("$1"))
	}
	if !f.From.IsZero() {
		and("at >= " + arg(f.From))
	}
	if !f.To.IsZero() {
		and("at < " + arg(f.To))
	}
	after, direction := " < ", " DESC"
	switch f.Order {
	case Ascending:
		after, direction = " > ", " ASC"
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
		and(order + after + bound(arg(position)))
	}
	return "SELECT " + selected + " FROM reveals.reveal r WHERE " + silent(same) + where +
		" ORDER BY " + order + direction + " LIMIT " + strconv.Itoa(page.Size()+1), args, nil
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
