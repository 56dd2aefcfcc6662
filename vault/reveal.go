package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Fetch reads the ciphertext of values, from memory or with one query shared with whoever fetches at the same time.
// Nothing is decrypted. Content ids that are not stored are absent from the result; Open says why.
func (v *Vault) Fetch(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Ciphertext, error) {
	found := make(map[uuid.UUID]Ciphertext, len(ids))
	missing := v.values.take(ids, found)
	if len(missing) == 0 {
		return found, nil
	}
	read, err := v.readValues.get(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("fetching values: %w", err)
	}
	for _, id := range missing {
		if ct, ok := read[id]; ok {
			found[id] = ct
		}
	}
	return found, nil
}

// loadValues reads rows; it is what gathered callers share. A row read just before its subject was destroyed may be
// cached: without the key it is noise.
func (v *Vault) loadValues(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Ciphertext, error) {
	rows, err := v.pool.Query(ctx, `
		SELECT content_id, workspace, subject, key_id, alg, ciphertext FROM vault.values WHERE content_id = ANY ($1)`, ids)
	if err != nil {
		return nil, databaseError(err)
	}
	found := make(map[uuid.UUID]Ciphertext, len(ids))
	var id uuid.UUID
	var ct Ciphertext
	_, err = pgx.ForEachRow(rows, []any{&id, &ct.owner.Workspace, &ct.owner.Subject, &ct.KeyID, &ct.Alg, &ct.Bytes},
		func() error {
			row := ct
			row.Bytes = bytes.Clone(ct.Bytes)
			found[id] = row
			return nil
		})
	if err != nil {
		return nil, databaseError(err)
	}
	v.values.add(found)
	return found, nil
}

// Open decrypts a fetched value. want is what the log recorded of it and ref where the log says it stands: a ciphertext
// with another hash, or from elsewhere, is ErrTampered. A zero ct (Fetch found none) is ErrErased when the subject was
// destroyed, else ErrMissing. The caller clears the result.
func (v *Vault) Open(ctx context.Context, ref Ref, want Sealed, ct Ciphertext) (Secret, error) {
	k, err := v.keyOf(ctx, Owner{ref.Workspace, ref.Subject}, false)
	if err == nil && ct.Bytes == nil {
		err = ErrMissing
	}
	var plain Secret
	if err == nil {
		plain, err = decryptValue(k, ref, want, ct)
	}
	if err != nil {
		return nil, fmt.Errorf("opening field %q of %s: %w", ref.Field, ref.Subject, err)
	}
	return plain, nil
}

func decryptValue(k *dek, ref Ref, want Sealed, ct Ciphertext) (Secret, error) {
	if want.Alg != Alg || ct.Alg != Alg {
		return nil, fmt.Errorf("%w: it is encrypted in a way this version does not know", ErrTampered)
	}
	if sha256.Sum256(ct.Bytes) != want.SHA256 {
		return nil, fmt.Errorf("%w: the ciphertext is not the one the log names", ErrTampered)
	}
	padded, err := k.aead.Decrypt(ct.Bytes, ref.bind())
	if err != nil {
		return nil, fmt.Errorf("%w: the ciphertext does not decrypt here", ErrTampered)
	}
	plain, err := unpad(padded)
	if err != nil {
		clear(padded)
		return nil, err
	}
	return plain, nil
}
