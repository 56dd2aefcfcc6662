package vault

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Rotate opens the workspace's next epoch and returns it. New keys are wrapped by its KEK: here at once, by other
// instances within a minute. Older keys stay readable; Rewrap moves them, then Retire removes the old KEK.
func (v *Vault) Rotate(ctx context.Context, workspace uuid.UUID) (epoch int, err error) {
	epoch, err = v.CurrentEpoch(ctx, workspace)
	if err != nil {
		return 0, err
	}
	epoch++
	if err := v.createKEK(ctx, kekID{workspace, epoch}); err != nil {
		return 0, err
	}
	v.epochs.Remove(workspace)
	return epoch, nil
}

// Rewrap wraps up to limit keys of older epochs by the current KEK and returns how many it moved: call it until that is
// 0. The keys themselves stay the same, so that no ciphertext changes. A crash in between loses nothing; a key destroyed
// meanwhile stays destroyed.
func (v *Vault) Rewrap(ctx context.Context, workspace uuid.UUID, limit int) (moved int, err error) {
	v.epochs.Remove(workspace)
	current, err := v.currentKEK(ctx, workspace)
	if err != nil {
		return 0, fmt.Errorf("rewrapping keys: %w", err)
	}
	rows, err := v.pool.Query(ctx, `
		SELECT workspace, subject, epoch, wrapped, false FROM vault.deks
		WHERE workspace = $1 AND epoch < $2 AND destroyed_at IS NULL ORDER BY epoch, subject LIMIT $3`,
		workspace, current.id.epoch, limit)
	if err != nil {
		return 0, fmt.Errorf("rewrapping keys: %w", err)
	}
	old, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return 0, fmt.Errorf("rewrapping keys: %w", err)
	}
	subjects, from, to := make([]string, len(old)), make([][]byte, len(old)), make([][]byte, len(old))
	for i, row := range old {
		subjects[i], from[i] = row.owner.Subject, row.wrapped
		if to[i], err = v.rewrap(ctx, row, current); err != nil {
			return 0, fmt.Errorf("rewrapping the key of %s: %w", row.owner.Subject, err)
		}
	}
	tag, err := v.pool.Exec(ctx, `
		UPDATE vault.deks d SET epoch = $2, wrapped = new.rewrapped
		FROM unnest($3::text[], $4::bytea[], $5::bytea[]) AS new (subject, wrapped, rewrapped)
		WHERE d.workspace = $1 AND d.subject = new.subject AND d.wrapped = new.wrapped`,
		workspace, current.id.epoch, subjects, from, to)
	if err != nil {
		return 0, fmt.Errorf("rewrapping keys: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

func (v *Vault) rewrap(ctx context.Context, row keyRow, current kek) ([]byte, error) {
	id := kekID{row.owner.Workspace, row.epoch}
	keks, err := v.keksOf(ctx, map[kekID]struct{}{id: {}})
	if err != nil {
		return nil, err
	}
	if keks[id].err != nil {
		return nil, keks[id].err
	}
	handle, err := row.open(keks[id])
	if err != nil {
		return nil, err
	}
	var wrapped bytes.Buffer
	err = handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&wrapped), current.aead, row.owner.bind())
	return wrapped.Bytes(), err
}

// Retire removes the KEK of an older epoch. It fails, changing nothing, while a key is still wrapped by it, and for the
// current epoch. Retiring twice changes nothing. Retired within a minute of Rotate, it makes an instance that had not
// noticed the rotation fail once to make new keys.
func (v *Vault) Retire(ctx context.Context, workspace uuid.UUID, epoch int) error {
	current, err := v.CurrentEpoch(ctx, workspace)
	if err != nil {
		return err
	}
	if epoch >= current {
		return fmt.Errorf("retiring epoch %d: the current one is %d", epoch, current)
	}
	_, err = v.pool.Exec(ctx, `DELETE FROM vault.keks WHERE workspace = $1 AND epoch = $2`, workspace, epoch)
	if err != nil {
		return fmt.Errorf("retiring epoch %d, which keys may still need: %w", epoch, err)
	}
	v.keks.Remove(kekID{workspace, epoch})
	return nil
}
