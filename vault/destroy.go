package vault

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Destroy erases a subject for ever: its key, and the ciphertext of its values, in one transaction; then the ciphertext of
// its files, whose keys went with it. A subject that never had a key is marked as destroyed all the same, so that none is made later. Destroying twice changes nothing. When it
// returns an error the outcome is unknown: call it again. Other instances call Forget when they learn of it.
func (v *Vault) Destroy(ctx context.Context, workspace uuid.UUID, subject string) error {
	defer v.Forget(workspace, subject)
	var batch pgx.Batch // sent as one transaction; the key's row is locked first, as Put does
	batch.Queue(`
		INSERT INTO vault.deks (workspace, subject, destroyed_at) VALUES ($1, $2, now())
		ON CONFLICT (workspace, subject) DO UPDATE
		SET epoch = NULL, wrapped = NULL, destroyed_at = excluded.destroyed_at
		WHERE deks.destroyed_at IS NULL`, workspace, subject)
	batch.Queue(`DELETE FROM vault.values WHERE workspace = $1 AND subject = $2`, workspace, subject)
	batch.Queue(doom+`workspace = $1 AND subject = $2`, workspace, subject)
	err := v.pool.SendBatch(ctx, &batch).Close()
	if err == nil {
		err = v.purge(ctx, `workspace = $1 AND subject = $2 AND doomed`, workspace, subject)
	}
	if err != nil {
		return fmt.Errorf("destroying %s: %w", subject, databaseError(err))
	}
	return nil
}

// Forget drops what this instance has in memory of a subject, because another instance destroyed it. It changes nothing
// in the database; a subject that still exists is loaded again when asked for.
func (v *Vault) Forget(workspace uuid.UUID, subject string) {
	o := Owner{workspace, subject}
	v.keys.forget(o)
	v.values.forget(o)
}
