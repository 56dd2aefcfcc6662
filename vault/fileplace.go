package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Attachment asks for an upload to be put into a secret. Command is that of the change, Try this very attempt at it.
type Attachment struct {
	Upload   uuid.UUID
	Uploader string
	Command  uuid.UUID
	Try      uuid.UUID
	To       Ref
}

// Attached is what the log records of a file.
type Attached struct {
	Sealed
	About
}

// Attach claims an upload for a command and moves it from its uploader to the secret: from then on its key is wrapped by the
// secret's, and goes with it. The same command may do so again, also to another version of the field. Anybody else's upload,
// a used, expired or unknown one is ErrNoUpload. What was attached and is not in the log is given back by Release, or
// swept; what is in the log is told by Settle.
func (v *Vault) Attach(ctx context.Context, a Attachment) (Attached, error) {
	f, err := v.FetchFile(ctx, a.Upload)
	switch {
	case errors.Is(err, ErrMissing), err == nil && !f.usable(a):
		return Attached{}, ErrNoUpload
	case err != nil:
		return Attached{}, err
	}
	about, err := v.about(ctx, f)
	if err != nil {
		return Attached{}, fmt.Errorf("attaching a file: %w", err)
	}
	keyID, moved, err := v.move(ctx, f, a.To, `command = $8, attached_at = now(),
		holder = CASE WHEN command IS NULL OR holder = $9 THEN $9::uuid END`, a.Command, a.Try)
	if err != nil {
		return Attached{}, fmt.Errorf("attaching a file: %w", err)
	}
	if !moved {
		return Attached{}, ErrNoUpload
	}
	return Attached{Sealed{a.Upload, keyID, f.alg, f.sha256}, about}, nil
}

// usable tells whether a command may have a file: one that waits, or that it has already.
func (f StoredFile) usable(a Attachment) bool {
	switch {
	case f.uploader != a.Uploader || f.place.Workspace != a.To.Workspace:
		return false
	case f.command == uuid.Nil:
		return !f.expired
	}
	return f.command == a.Command && f.place.Subject == a.To.Subject && (!f.named || f.place.Ref == a.To)
}

// move wraps a file's key for another place. Nothing is moved if the file changed since it was fetched.
func (v *Vault) move(ctx context.Context, f StoredFile, to Ref, set string, args ...any) (keyID string, moved bool, err error) {
	handle, err := v.fileKey(ctx, f)
	if err != nil {
		return "", false, err
	}
	k, err := v.keyOf(ctx, Owner{to.Workspace, to.Subject}, true)
	if err != nil {
		return "", false, err
	}
	wrapped, err := wrapFileKey(handle, k, place{to, f.place.blob})
	if err != nil {
		return "", false, err
	}
	err = pgx.BeginFunc(ctx, v.pool, func(tx pgx.Tx) error {
		if err := v.lockKey(ctx, tx, Owner{to.Workspace, to.Subject}); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			UPDATE vault.files SET subject = $3, field = $4, value_version = $5, key_id = $6, wrapped = $7, `+set+`
			WHERE blob = $1 AND wrapped = $2 AND NOT doomed`,
			append([]any{f.place.blob, f.wrapped, to.Subject, to.Field, to.Version, k.id, wrapped}, args...)...)
		moved = tag.RowsAffected() == 1
		return err
	})
	return k.id, moved, databaseError(err)
}

// Release gives the uploads that a try of a command attached back to their uploader, after the command was refused. Those
// that another try of the same command attached as well stay: that one may have been recorded.
func (v *Vault) Release(ctx context.Context, workspace, command, try uuid.UUID) error {
	files, err := v.queryFiles(ctx, `workspace = $1 AND command = $2 AND holder = $3 AND position IS NULL AND NOT doomed`, workspace, command, try)
	if err != nil {
		return err
	}
	for _, f := range files {
		_, _, err := v.move(ctx, f, Ref{Workspace: workspace, Subject: f.uploader}, `command = NULL, holder = NULL, attached_at = NULL`)
		if err != nil {
			return fmt.Errorf("giving a file back: %w", err)
		}
	}
	return nil
}

// Settle notes that the files which a command attached are in the log, at a position.
func (v *Vault) Settle(ctx context.Context, workspace, command uuid.UUID, position uint64) error {
	_, err := v.pool.Exec(ctx, `UPDATE vault.files SET position = $3 WHERE workspace = $1 AND command = $2 AND position IS NULL`,
		workspace, command, int64(position))
	if err != nil {
		return fmt.Errorf("noting that files are in the log: %w", databaseError(err))
	}
	return nil
}
