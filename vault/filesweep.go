package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// sweepAfter leaves an hour to whatever is under way when an upload expires, for Postgres.
	sweepAfter = "25 hours"
	sweepBatch = 500
)

// ErrLogBehind: the log ends before events that name files of this vault: it is another one, or one that went back in time.
var ErrLogBehind = errors.New("the event log is behind what the vault has seen")

// SweepFiles removes what was uploaded more than a day ago and is in no secret, and what interrupted uploads and removals
// left. head is the log's last position; named tells whether the log has a file where an unfinished change put it. It does
// nothing and returns ErrLogBehind while the log ends before an event that was seen.
func (v *Vault) SweepFiles(ctx context.Context, head uint64, named func(Ref, uuid.UUID) bool) (removed int, err error) {
	var seen int64
	if err := v.pool.QueryRow(ctx, `SELECT coalesce(max(position), 0) FROM vault.files`).Scan(&seen); err != nil {
		return 0, fmt.Errorf("sweeping files: %w", databaseError(err))
	}
	if uint64(seen) > head {
		return 0, ErrLogBehind
	}
	for {
		waiting, err := v.oldFiles(ctx)
		if err != nil {
			return removed, fmt.Errorf("sweeping files: %w", err)
		}
		for _, f := range waiting {
			if err := v.sweepFile(ctx, f, head, named); err != nil {
				return removed, fmt.Errorf("sweeping files: %w", err)
			}
		}
		removed += len(waiting)
		if len(waiting) < sweepBatch {
			return removed, v.purge(ctx, `doomed`)
		}
	}
}

type oldFile struct {
	place
	id       *uuid.UUID
	command  *uuid.UUID
	attached *time.Time
}

func (v *Vault) oldFiles(ctx context.Context) ([]oldFile, error) {
	rows, err := v.pool.Query(ctx, `
		SELECT blob, workspace, subject, field, value_version, content_id, command, attached_at FROM vault.files
		WHERE position IS NULL AND NOT doomed AND greatest(created_at, attached_at) < now() - interval '`+sweepAfter+`'
		ORDER BY created_at LIMIT $1`, sweepBatch)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (f oldFile, err error) {
		err = row.Scan(&f.blob, &f.Workspace, &f.Subject, &f.Field, &f.Version, &f.id, &f.command, &f.attached)
		return f, err
	})
}

// sweepFile removes a file, or notes that the log has it: then a crash had kept the change that put it there from doing so.
func (v *Vault) sweepFile(ctx context.Context, f oldFile, head uint64, named func(Ref, uuid.UUID) bool) error {
	if f.command != nil && f.id != nil && named(f.Ref, *f.id) {
		_, err := v.pool.Exec(ctx, `UPDATE vault.files SET position = $2 WHERE blob = $1 AND position IS NULL`, f.blob, int64(head))
		return err
	}
	_, err := v.pool.Exec(ctx, doom+`blob = $1 AND position IS NULL AND attached_at IS NOT DISTINCT FROM $2`, f.blob, f.attached)
	if err != nil {
		return err
	}
	return v.purge(ctx, `doomed AND blob = $1`, f.blob)
}

// doom takes the keys out of rows: their ciphertexts are noise from then on.
const doom = `UPDATE vault.files SET doomed = true, wrapped = NULL, about = NULL WHERE `

// purge removes the ciphertexts of doomed files and then their rows, so that a crash in between leaves a row to go by.
func (v *Vault) purge(ctx context.Context, condition string, args ...any) error {
	rows, err := v.pool.Query(ctx, `SELECT blob FROM vault.files WHERE `+condition, args...)
	if err != nil {
		return err
	}
	doomed, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	for _, id := range doomed {
		if err := v.blobs.remove(ctx, id); err != nil {
			return err
		}
		if _, err := v.pool.Exec(ctx, `DELETE FROM vault.files WHERE blob = $1 AND doomed`, id); err != nil {
			return err
		}
	}
	return nil
}
