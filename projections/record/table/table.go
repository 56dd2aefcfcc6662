// Package table keeps records in the tables that each read model of records has in its own schema: it loads what a batch
// of events meets and saves what the batch did. It holds no queries: those belong to the read models.
package table

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections/once"
	"github.com/kdesk/client-secrets/projections/record"
)

//go:embed schema.sql
var tables string

// Schema is the SQL of the tables, with unqualified names.
var Schema = once.Schema + tables

// Indexes is the SQL of the indexes that only queries need.
const Indexes = `
CREATE INDEX IF NOT EXISTS record_by_name ON record (workspace, sort_name, id);
CREATE INDEX IF NOT EXISTS record_by_expiry ON record (workspace, expires_at) WHERE expires_at IS NOT NULL;
`

// Fold applies events that were not applied before and saves the outcome. It returns the set for what else a read model
// keeps of it, and those events.
func Fold(ctx context.Context, tx pgx.Tx, events []domain.Recorded) (*record.Set, []domain.Recorded, error) {
	fresh, err := once.Fresh(ctx, tx, events)
	if err != nil {
		return nil, nil, err
	}
	set, err := load(ctx, tx, record.NeedsOf(fresh))
	if err != nil {
		return nil, nil, err
	}
	for _, e := range fresh {
		if err := set.Apply(e); err != nil {
			return nil, nil, fmt.Errorf("applying event %s at position %d: %w", e.ID, e.Position, err)
		}
	}
	if err := save(ctx, tx, set); err != nil {
		return nil, nil, err
	}
	return set, fresh, nil
}

const (
	loadSecrets = `SELECT workspace, doc FROM record WHERE (workspace, id) IN (
		SELECT * FROM unnest($1::uuid[], $2::uuid[])
		UNION SELECT l.workspace, l.secret FROM link l JOIN unnest($3::uuid[], $4::text[]) AS t(workspace, key) USING (workspace, key))`
	loadTemplates = `SELECT v.workspace, v.template, v.version, v.doc FROM template_version v
		JOIN unnest($1::uuid[], $2::uuid[], $3::int[]) AS t(workspace, template, version) USING (workspace, template, version)`
	loadFates = `SELECT f.workspace, f.key, f.gone, f.incarnation FROM fate f
		JOIN unnest($1::uuid[], $2::text[]) AS t(workspace, key) USING (workspace, key)`
)

func load(ctx context.Context, tx pgx.Tx, n record.Needs) (*record.Set, error) {
	set, batch := record.NewSet(), &pgx.Batch{}
	if len(n.Secrets)+len(n.Ended) > 0 {
		ws, ids := refColumns(n.Secrets)
		gws, keys := thingColumns(n.Ended)
		batch.Queue(loadSecrets, ws, ids, gws, keys).Query(func(rows pgx.Rows) error { return addSecrets(rows, set) })
	}
	if len(n.Templates) > 0 {
		ws, ids, versions := templateColumns(n.Templates)
		batch.Queue(loadTemplates, ws, ids, versions).Query(func(rows pgx.Rows) error { return addTemplates(rows, set) })
	}
	if len(n.Fates) > 0 {
		ws, keys := thingColumns(n.Fates)
		batch.Queue(loadFates, ws, keys).Query(func(rows pgx.Rows) error {
			var t record.Thing
			var f record.Fate
			_, err := pgx.ForEachRow(rows, []any{&t.Workspace, &t.Key, &f.Gone, &f.Incarnation}, func() error {
				set.AddFate(t, f)
				return nil
			})
			return err
		})
	}
	if err := send(ctx, tx, batch); err != nil {
		return nil, fmt.Errorf("loading records: %w", err)
	}
	return set, nil
}

func addSecrets(rows pgx.Rows, set *record.Set) error {
	var workspace uuid.UUID
	var doc []byte
	_, err := pgx.ForEachRow(rows, []any{&workspace, &doc}, func() error {
		r, err := record.Decode(workspace, doc)
		if err == nil {
			set.AddSecret(r)
		}
		return err
	})
	return err
}

func addTemplates(rows pgx.Rows, set *record.Set) error {
	var ref record.TemplateRef
	var doc []byte
	_, err := pgx.ForEachRow(rows, []any{&ref.Workspace, &ref.ID, &ref.Version, &doc}, func() error {
		var v record.TemplateVersion
		if err := json.Unmarshal(doc, &v); err != nil {
			return fmt.Errorf("decoding a template's version: %w", err)
		}
		set.AddTemplate(ref, &v)
		return nil
	})
	return err
}

func send(ctx context.Context, tx pgx.Tx, batch *pgx.Batch) error {
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

func refColumns(refs []record.Ref) (workspaces, ids []uuid.UUID) {
	workspaces, ids = make([]uuid.UUID, len(refs)), make([]uuid.UUID, len(refs))
	for i, r := range refs {
		workspaces[i], ids[i] = r.Workspace, r.ID
	}
	return workspaces, ids
}

func thingColumns(things []record.Thing) (workspaces []uuid.UUID, keys []string) {
	workspaces, keys = make([]uuid.UUID, len(things)), make([]string, len(things))
	for i, t := range things {
		workspaces[i], keys[i] = t.Workspace, string(t.Key)
	}
	return workspaces, keys
}

func templateColumns(refs []record.TemplateRef) (workspaces, ids []uuid.UUID, versions []int32) {
	workspaces, ids, versions = make([]uuid.UUID, len(refs)), make([]uuid.UUID, len(refs)), make([]int32, len(refs))
	for i, r := range refs {
		workspaces[i], ids[i], versions[i] = r.Workspace, r.ID, int32(r.Version)
	}
	return workspaces, ids, versions
}
