// Package templates is the read model of templates with all their versions: a secret shows the fields of the version it
// was made with. It decides nothing.
package templates

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/once"
)

// Name is the read model's name.
const Name = "templates"

//go:embed schema.sql
var schema string

// Projector folds template events into tables.
type Projector struct{}

var (
	_ projections.Projector = Projector{}
	_ projections.Indexer   = Projector{}
)

// Name returns "templates".
func (Projector) Name() string { return Name }

// Schema returns the SQL of its tables.
func (Projector) Schema() string { return once.Schema + schema }

// Indexes returns the SQL of the indexes for queries.
func (Projector) Indexes() string {
	return "CREATE INDEX template_by_name ON template (workspace, sort, id);"
}

// Version returns how often the meaning of the tables changed.
func (Projector) Version() int { return 1 }

// Kinds returns the kinds of streams it reads.
func (Projector) Kinds() []string { return []string{domain.TemplateKind} }

// Apply loads the templates that a batch is about, folds the events into them and writes them back with their new
// versions.
func (Projector) Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	fresh, err := once.Fresh(ctx, tx, events)
	if err != nil || len(fresh) == 0 {
		return err
	}
	f := fold{heads: map[ref]*head{}}
	if err := f.load(ctx, tx, fresh); err != nil {
		return fmt.Errorf("loading templates: %w", err)
	}
	for _, e := range fresh {
		if err := f.apply(e); err != nil {
			return fmt.Errorf("applying %s at position %d: %w", e.Event.EventType(), e.Position, err)
		}
	}
	if err := f.save(ctx, tx); err != nil {
		return fmt.Errorf("saving templates: %w", err)
	}
	return nil
}

// ref names a template.
type ref struct{ workspace, id uuid.UUID }

// head is a template without what its versions hold.
type head struct {
	name               string
	version            int
	archived           bool
	revision           uint64
	createdAt, updated time.Time
}

// version is one version of a template.
type version struct {
	ref
	number            int
	name, description string
	fields            []Field
	createdAt         time.Time
}

// fold is a batch on its way into the tables.
type fold struct {
	heads    map[ref]*head
	versions []version // new ones
}

func refOf(e domain.Recorded) (ref, error) {
	id, err := domain.StreamID(e.Stream)
	return ref{e.Meta.Workspace, id}, err
}

func (f *fold) load(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	var workspaces, ids []uuid.UUID
	for _, e := range events {
		r, err := refOf(e)
		if err != nil {
			return err
		}
		workspaces, ids = append(workspaces, r.workspace), append(ids, r.id)
	}
	rows, err := tx.Query(ctx, `SELECT workspace, id, name, version, archived, revision, created_at, updated_at FROM template
		WHERE (workspace, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))`, workspaces, ids)
	if err != nil {
		return err
	}
	for rows.Next() {
		var r ref
		var h head
		if err := rows.Scan(&r.workspace, &r.id, &h.name, &h.version, &h.archived, &h.revision, &h.createdAt, &h.updated); err != nil {
			return err
		}
		f.heads[r] = &h
	}
	return rows.Err()
}

func (f *fold) apply(e domain.Recorded) error {
	r, err := refOf(e)
	if err != nil {
		return err
	}
	h := f.heads[r]
	if v, ok := e.Event.(template.Created); ok {
		h = &head{createdAt: e.At}
		f.heads[r] = h
		f.define(r, h, e, 1, v.Name, v.Description, v.Fields)
	}
	if h == nil {
		return errors.New("the workspace has no such template")
	}
	switch v := e.Event.(type) {
	case template.Revised:
		f.define(r, h, e, v.Version, v.Name, v.Description, v.Fields)
	case template.Archived:
		h.archived = true
	case template.Restored:
		h.archived = false
	}
	h.revision, h.updated = e.Revision, e.At
	return nil
}

func (f *fold) define(r ref, h *head, e domain.Recorded, number int, name, description domain.Private, fields []template.Field) {
	h.name, h.version = name.Text, number
	v := version{ref: r, number: number, name: name.Text, description: description.Text, createdAt: e.At, fields: []Field{}}
	for _, field := range fields {
		v.fields = append(v.fields, fieldOf(field))
	}
	f.versions = append(f.versions, v)
}

func fieldOf(f template.Field) Field {
	choices := make([]string, len(f.Choices))
	for i, c := range f.Choices {
		choices[i] = c.Text
	}
	return Field{Key: f.Key, Label: f.Label.Text, Type: f.Type, Required: f.Required, Sensitive: f.Sensitive, Choices: choices,
		Help: f.Help.Text}
}

const (
	saveHead = `INSERT INTO template (workspace, id, name, version, archived, revision, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (workspace, id) DO UPDATE SET name = excluded.name,
			version = excluded.version, archived = excluded.archived, revision = excluded.revision,
			updated_at = excluded.updated_at`
	saveVersion = `INSERT INTO version (workspace, template, version, name, description, fields, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`
)

// save sends all rows at once. Templates are few, so that one statement a row does.
func (f *fold) save(ctx context.Context, tx pgx.Tx) error {
	batch := &pgx.Batch{}
	for r, h := range f.heads {
		batch.Queue(saveHead, r.workspace, r.id, h.name, h.version, h.archived, int64(h.revision), h.createdAt, h.updated)
	}
	for _, v := range f.versions {
		batch.Queue(saveVersion, v.workspace, v.id, v.number, v.name, v.description, v.fields, v.createdAt)
	}
	return tx.SendBatch(ctx, batch).Close()
}
