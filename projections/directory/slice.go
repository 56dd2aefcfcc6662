package directory

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Slice asks for a part of a list by numbers, as SCIM does. Unlike a page with a cursor it shifts under inserts.
type Slice struct {
	Skip, Limit int
}

// Condition narrows a list to the things in which a column has a value. Its zero value is all of them.
type Condition struct{ column, value string }

// ByLogin finds members by what an identity provider calls them, whatever the case: the user name, else the mail address,
// else the id.
func ByLogin(name string) Condition { return Condition{"login", strings.ToLower(name)} }

// ByExternalID finds members by their id at the identity provider.
func ByExternalID(id string) Condition { return Condition{"external_id", id} }

// ByName finds things by their name, whatever the case.
func ByName(name string) Condition { return Condition{"sort", strings.ToLower(name)} }

// ByID finds the thing with an id.
func ByID(id string) Condition { return Condition{"id", id} }

// SliceMembers returns some members in the order of their ids, and how many meet the condition in all.
func (q *Queries) SliceMembers(ctx context.Context, ws uuid.UUID, c Condition, s Slice) (total int, list []Member, err error) {
	return memberList.slice(ctx, q.pool, ws, c, s)
}

// SliceGroups returns some groups in the order of their ids, and how many meet the condition in all.
func (q *Queries) SliceGroups(ctx context.Context, ws uuid.UUID, c Condition, s Slice) (total int, list []Group, err error) {
	return groupList.slice(ctx, q.pool, ws, c, s)
}

func (l listing[R]) slice(ctx context.Context, pool *pgxpool.Pool, ws uuid.UUID, c Condition, s Slice) (total int, list []R, err error) {
	if strings.ContainsRune(c.value, 0) || !utf8.ValidString(c.value) { // no text that Postgres has
		return 0, nil, nil
	}
	where, args := " FROM directory."+l.table+" WHERE workspace = $1", []any{ws}
	if c.column != "" {
		where, args = where+" AND "+c.column+" = $2", append(args, c.value)
	}
	if err := pool.QueryRow(ctx, "SELECT count(*)"+where, args...).Scan(&total); err != nil {
		return 0, nil, fmt.Errorf("counting the directory's %ss: %w", l.table, err)
	}
	if s.Limit <= 0 || s.Skip >= total {
		return total, nil, nil
	}
	sql := fmt.Sprintf("SELECT sort, id, %s%s ORDER BY id OFFSET %d LIMIT %d", strings.Join(strings.Fields(l.columns), ", "), where, s.Skip, s.Limit)
	rows, err := pool.Query(ctx, sql, args...)
	if err != nil {
		return 0, nil, fmt.Errorf("listing the directory's %ss: %w", l.table, err)
	}
	found, err := pgx.CollectRows(rows, l.scan)
	if err != nil {
		return 0, nil, fmt.Errorf("listing the directory's %ss: %w", l.table, err)
	}
	for i := range found {
		list = append(list, found[i].row)
	}
	return total, list, nil
}
