package accesslist

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/projections"
)

// Now asks for what holds after everything that was applied.
const Now = eventstore.End

// Candidate is one way in which a member could have access to a secret. Via, Kind, Target, Rule, Ticket and Contact say
// what a domain.Decision says by these names.
type Candidate struct {
	Secret  uuid.UUID
	Member  string // member id, or the key id of a service account
	Service bool   // that it is a service account
	Via     string // "owner", "permission", "assignment" or "rule"
	Kind    string // of the assignment or rule
	Target  string // of the assignment
	Rule    string // rule id
	Ticket  string // that the rule matches through
	Contact string // that the rule matches through
}

// Queries reads the live tables.
type Queries struct{ pool *pgxpool.Pool }

// New returns the queries on a pool.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

var errCursor = domain.Refuse(domain.Malformed, "malformed_cursor", "this cursor does not belong to this list")

// Candidates returns a page of the ways in which anybody could have access to a secret after the event at a position,
// sorted by member. Only active members and service accounts are in it.
func (q *Queries) Candidates(ctx context.Context, workspace, secret uuid.UUID, position eventstore.Position, page projections.Page) (
	projections.Paged[Candidate], error) {
	return q.list(ctx, fromSecret, workspace, name(domain.SecretKind, secret.String()), position, page)
}

// Secrets returns a page of the ways in which a member, or a service account by its key id, could have access to any
// secret after the event at a position, sorted by secret.
func (q *Queries) Secrets(ctx context.Context, workspace uuid.UUID, member string, position eventstore.Position, page projections.Page) (
	projections.Paged[Candidate], error) {
	kind := domain.MemberKind
	if !strings.Contains(member, ":") { // ids of members read source:id
		kind = serviceKind
	}
	return q.list(ctx, fromMember, workspace, name(kind, member), position, page)
}

const sortKey = "secret, member, via, kind, target, rule, ticket, contact"

func (q *Queries) list(ctx context.Context, sql string, workspace uuid.UUID, of string, position eventstore.Position, page projections.Page) (
	projections.Paged[Candidate], error) {
	var none projections.Paged[Candidate]
	after, more, err := page.Key(8)
	if err != nil {
		return none, err
	}
	args := []any{workspace, int64(min(position, math.MaxInt64-1)), of}
	if more {
		sql += " AND (" + sortKey + ") > ($4, $5, $6, $7, $8, $9, $10, $11)"
		for _, part := range after {
			args = append(args, part)
		}
	}
	rows, err := q.pool.Query(ctx, sql+" ORDER BY "+sortKey+" LIMIT "+strconv.Itoa(page.Size()+1), args...)
	if err != nil {
		return none, fmt.Errorf("listing candidates: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[candidateRow])
	if err != nil {
		return none, fmt.Errorf("listing candidates: %w", err)
	}
	cut := projections.Cut(page, found, func(r *candidateRow) []string {
		return []string{r.Secret, r.Member, r.Via, r.Kind, r.Target, r.Rule, r.Ticket, r.Contact}
	})
	items := make([]Candidate, len(cut.Items))
	for i, r := range cut.Items {
		if items[i], err = r.candidate(); err != nil {
			return none, errCursor
		}
	}
	return projections.Paged[Candidate]{Items: items, Next: cut.Next}, nil
}

// candidateRow is a candidate with names for ids, which is also the sort key.
type candidateRow struct{ Secret, Member, Via, Kind, Target, Rule, Ticket, Contact string }

func (r candidateRow) candidate() (Candidate, error) {
	id, err := uuid.Parse(idOf(r.Secret))
	return Candidate{
		Secret: id, Member: idOf(r.Member), Service: strings.HasPrefix(r.Member, serviceKind+"/"), Via: r.Via, Kind: r.Kind,
		Target: idOf(r.Target), Rule: r.Rule, Ticket: idOf(r.Ticket), Contact: idOf(r.Contact),
	}, err
}

func idOf(name string) string {
	_, id, _ := strings.Cut(name, "/")
	return id
}
