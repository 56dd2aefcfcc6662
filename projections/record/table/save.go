package table

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/record"
)

const (
	saveRecords = `INSERT INTO record (workspace, id, sort_name, search, template, active, expires_at, destroyed, changed, doc)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bool[], $7::timestamptz[],
			$8::bool[], $9::bigint[], $10::json[])
		ON CONFLICT (workspace, id) DO UPDATE SET sort_name = excluded.sort_name, search = excluded.search,
			template = excluded.template, active = excluded.active, expires_at = excluded.expires_at,
			destroyed = excluded.destroyed, changed = excluded.changed, doc = excluded.doc`
	dropLinks = `DELETE FROM link l USING unnest($1::uuid[], $2::uuid[]) AS s(workspace, secret)
		WHERE l.workspace = s.workspace AND l.secret = s.secret
		AND NOT EXISTS (SELECT FROM unnest($3::uuid[], $4::text[], $5::uuid[]) AS k(workspace, key, secret)
			WHERE k.workspace = l.workspace AND k.key = l.key AND k.secret = l.secret)`
	saveLinks = `INSERT INTO link (workspace, key, secret) SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[])
		ON CONFLICT DO NOTHING`
	saveTemplates = `INSERT INTO template_version (workspace, template, version, doc)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::json[]) ON CONFLICT DO NOTHING`
	saveFates = `INSERT INTO fate (workspace, key, gone, incarnation)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::bool[], $4::int[])
		ON CONFLICT (workspace, key) DO UPDATE SET gone = excluded.gone, incarnation = excluded.incarnation`
)

func save(ctx context.Context, tx pgx.Tx, set *record.Set) error {
	batch := &pgx.Batch{}
	if refs, versions := set.NewTemplates(); len(refs) > 0 {
		docs := make([]string, len(refs))
		for i, v := range versions {
			doc, err := json.Marshal(v)
			if err != nil {
				return fmt.Errorf("encoding a template's version: %w", err)
			}
			docs[i] = string(doc)
		}
		ws, ids, numbers := templateColumns(refs)
		batch.Queue(saveTemplates, ws, ids, numbers, docs)
	}
	if records, positions := set.Changed(); len(records) > 0 {
		if err := queueRecords(batch, records, positions); err != nil {
			return err
		}
	}
	if fates := set.Fates(); len(fates) > 0 {
		queueFates(batch, fates)
	}
	if err := send(ctx, tx, batch); err != nil {
		return fmt.Errorf("saving records: %w", err)
	}
	return nil
}

func queueFates(batch *pgx.Batch, fates map[record.Thing]record.Fate) {
	var things []record.Thing
	var gone []bool
	var incarnations []int32
	for t, f := range fates {
		things, gone, incarnations = append(things, t), append(gone, f.Gone), append(incarnations, int32(f.Incarnation))
	}
	ws, keys := thingColumns(things)
	batch.Queue(saveFates, ws, keys, gone, incarnations)
}

// columns are the records of a batch, column by column.
type columns struct {
	workspaces, ids, templates []uuid.UUID
	sortNames, searches, docs  []string
	actives, destroyed         []bool
	expiries                   []*time.Time
	changed                    []int64

	linkWorkspaces, linkSecrets []uuid.UUID
	linkKeys                    []string
}

func queueRecords(batch *pgx.Batch, records []*record.Secret, positions []uint64) error {
	var c columns
	for i, r := range records {
		doc, err := record.Encode(r)
		if err != nil {
			return err
		}
		c.workspaces, c.ids, c.templates = append(c.workspaces, r.Workspace), append(c.ids, r.ID), append(c.templates, r.Template.ID)
		c.sortNames, c.searches = append(c.sortNames, SortName(r.Name)), append(c.searches, searchText(r))
		c.actives, c.expiries = append(c.actives, r.Active), append(c.expiries, r.ExpiresAt)
		c.destroyed = append(c.destroyed, r.Destroyed != nil)
		c.changed, c.docs = append(c.changed, int64(positions[i])), append(c.docs, string(doc))
		for _, k := range r.Keys() {
			c.linkWorkspaces, c.linkSecrets = append(c.linkWorkspaces, r.Workspace), append(c.linkSecrets, r.ID)
			c.linkKeys = append(c.linkKeys, string(k))
		}
	}
	batch.Queue(saveRecords, c.workspaces, c.ids, c.sortNames, c.searches, c.templates, c.actives, c.expiries, c.destroyed, c.changed, c.docs)
	batch.Queue(dropLinks, c.workspaces, c.ids, c.linkWorkspaces, c.linkKeys, c.linkSecrets)
	if len(c.linkKeys) > 0 {
		batch.Queue(saveLinks, c.linkWorkspaces, c.linkKeys, c.linkSecrets)
	}
	return nil
}

// maxSortName bounds what goes into an index, in bytes: an index row of PostgreSQL has to stay below 2.7 kB.
const maxSortName = 800

// SortName returns what records are sorted by: the name in lower case, cut to a length that an index takes.
func SortName(name string) string {
	s := strings.ToLower(name)
	if len(s) <= maxSortName {
		return s
	}
	end := maxSortName
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

func searchText(r *record.Secret) string { return strings.ToLower(r.Name + "\n" + r.Description) }

// Pattern returns the LIKE pattern that finds q anywhere in a search text.
func Pattern(q string) string { return projections.Like(strings.ToLower(q)) }
