package templates

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/projections"
)

// Field is one field of a template.
type Field struct {
	Key       string             `json:"key"`
	Label     string             `json:"label"`
	Type      template.FieldType `json:"type"`
	Required  bool               `json:"required"`
	Sensitive bool               `json:"sensitive"`
	Choices   []string           `json:"choices"`
	Help      string             `json:"help"`
}

// Template is a template at one of its versions.
type Template struct {
	ID          uuid.UUID `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Version     int       `json:"version"`
	Archived    bool      `json:"archived"`
	Fields      []Field   `json:"fields"`
	Revision    uint64    `json:"revision"` // of the stream's last event, whatever the version
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Queries reads the live tables. A template or version that the workspace does not have is template.ErrNotFound.
type Queries struct{ pool *pgxpool.Pool }

// New returns the queries on a pool.
func New(pool *pgxpool.Pool) *Queries { return &Queries{pool} }

const selectTemplate = `SELECT t.sort, t.id, v.name, v.description, v.version, t.archived, v.fields, t.revision, t.created_at,
		t.updated_at
	FROM templates.template t JOIN templates.version v ON v.workspace = t.workspace AND v.template = t.id
	WHERE t.workspace = $1`

// Get returns a template at its newest version.
func (q *Queries) Get(ctx context.Context, workspace, id uuid.UUID) (Template, error) {
	return q.one(ctx, selectTemplate+" AND t.id = $2 AND v.version = t.version", workspace, id)
}

// GetVersion returns a template as it was at a version, but with today's archived, revision and updated_at.
func (q *Queries) GetVersion(ctx context.Context, workspace, id uuid.UUID, version int) (Template, error) {
	return q.one(ctx, selectTemplate+" AND t.id = $2 AND v.version = $3", workspace, id, version)
}

func (q *Queries) one(ctx context.Context, sql string, args ...any) (Template, error) {
	rows, err := q.pool.Query(ctx, sql, args...)
	if err != nil {
		return Template{}, fmt.Errorf("reading a template: %w", err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return Template{}, template.ErrNotFound
	}
	if err != nil {
		return Template{}, fmt.Errorf("reading a template: %w", err)
	}
	return found.Template, nil
}

// List returns a page of templates at their newest versions whose name contains search, whatever the case, sorted by
// lower-cased name (by code points, its first 200 characters) and id.
func (q *Queries) List(ctx context.Context, workspace uuid.UUID, search string, archived bool, page projections.Page) (
	projections.Paged[Template], error) {
	var none projections.Paged[Template]
	after, further, err := page.Key(2)
	if err != nil {
		return none, err
	}
	sql := selectTemplate + " AND v.version = t.version AND (NOT t.archived OR $2) AND t.name ILIKE $3"
	args := []any{workspace, archived, projections.Like(search)}
	if further {
		id, err := uuid.Parse(after[1])
		if err != nil {
			return none, projections.ErrCursor
		}
		sql += " AND (t.sort, t.id) > ($4, $5)"
		args = append(args, after[0], id)
	}
	rows, err := q.pool.Query(ctx, sql+fmt.Sprintf(" ORDER BY t.sort, t.id LIMIT %d", page.Size()+1), args...)
	if err != nil {
		return none, fmt.Errorf("listing templates: %w", err)
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return none, fmt.Errorf("listing templates: %w", err)
	}
	cut := projections.Cut(page, found, func(r *sorted) []string { return []string{r.sort, r.ID.String()} })
	items := make([]Template, len(cut.Items))
	for i := range cut.Items {
		items[i] = cut.Items[i].Template
	}
	return projections.Paged[Template]{Items: items, Next: cut.Next}, nil
}

// sorted is a template with what lists are sorted by.
type sorted struct {
	Template
	sort string
}

func scan(row pgx.CollectableRow) (s sorted, err error) {
	err = row.Scan(&s.sort, &s.ID, &s.Name, &s.Description, &s.Version, &s.Archived, &s.Fields, &s.Revision, &s.CreatedAt, &s.UpdatedAt)
	s.CreatedAt, s.UpdatedAt = s.CreatedAt.UTC(), s.UpdatedAt.UTC()
	return s, err
}
