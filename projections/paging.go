package projections

import (
	"encoding/json"
	"strings"

	"github.com/kdesk/client-secrets/domain"
)

// The limits of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// ErrCursor refuses what a list did not give out as its next page.
var ErrCursor = domain.Refuse(domain.Malformed, "malformed_cursor", "this cursor does not belong to this list")

// Size returns the page's limit within its bounds; DefaultLimit if none is given. A query asks for one row more, which
// tells whether there is a next page.
func (p Page) Size() int {
	if p.Limit <= 0 {
		return DefaultLimit
	}
	return min(p.Limit, MaxLimit)
}

// Key returns the parts of the sort key that the page starts after; false for the first page. It fails if After is not
// what a list with that many parts gave out.
func (p Page) Key(parts int) ([]string, bool, error) {
	if p.After == "" {
		return make([]string, parts), false, nil
	}
	var key []string
	if err := json.Unmarshal([]byte(p.After), &key); err != nil || len(key) != parts || strings.ContainsRune(p.After, 0) {
		return nil, false, ErrCursor
	}
	for _, part := range key {
		if strings.ContainsRune(part, 0) { // Postgres has no text with it
			return nil, false, ErrCursor
		}
	}
	return key, true, nil
}

// Cut makes a page of rows of which up to one more than its size was asked for; key returns a row's sort key.
func Cut[T any](p Page, rows []T, key func(*T) []string) Paged[T] {
	size := p.Size()
	if len(rows) <= size {
		return Paged[T]{Items: rows}
	}
	next, _ := json.Marshal(key(&rows[size-1])) // strings only: it cannot fail
	return Paged[T]{Items: rows[:size], Next: string(next)}
}

// Like returns the pattern for ILIKE that finds q anywhere, taken literally; "%" for an empty one.
func Like(q string) string {
	q = strings.Map(func(r rune) rune {
		if r == 0 {
			return -1
		}
		return r
	}, q)
	if q == "" {
		return "%"
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(q) + "%"
}
