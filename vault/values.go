package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Alg names how values are encrypted: padded as padding.go says, then Tink AES256-GCM with its key prefix.
const Alg = "tink-aes256gcm+pad.v1"

// Item is a value to keep. ContentID is chosen by the caller and names this very value for ever.
type Item struct {
	ContentID uuid.UUID
	Field     string
	Version   int
	Plain     Secret // stays the caller's to clear
}

// Sealed is what the log records of a value.
type Sealed struct {
	ContentID uuid.UUID
	KeyID     string
	Alg       string
	SHA256    [sha256.Size]byte // of the ciphertext
}

// Ref says where a value stands. A ciphertext opens only under the Ref it was put under.
type Ref struct {
	Workspace uuid.UUID
	Subject   string
	Field     string
	Version   int
}

func (r Ref) bind() []byte {
	return bind(bindValue, r.Workspace, r.Subject, r.Field, number(r.Version))
}

// Ciphertext is a stored value, still encrypted. Its bytes are shared: read only.
type Ciphertext struct {
	KeyID string
	Alg   string
	Bytes []byte

	owner Owner
}

// Put encrypts and stores values of one subject, in one round trip once the subject's key is in memory. It is idempotent
// per content id: repeating a Put returns what the first one stored. A content id that stands for another place or for
// another value is ErrConflict. ErrErased when the subject was destroyed, even in the middle of the call; ErrTooLarge
// beyond MaxValue. On an error nothing of this call is referred to, at worst rows are left that nobody names.
func (v *Vault) Put(ctx context.Context, workspace uuid.UUID, subject string, items []Item) ([]Sealed, error) {
	o := Owner{workspace, subject}
	k, err := v.keyOf(ctx, o, true)
	if err != nil {
		return nil, fmt.Errorf("storing values of %s: %w", subject, err)
	}
	rows := make([]valueRow, len(items))
	for i, item := range items {
		if rows[i], err = sealItem(k, o, item); err != nil {
			return nil, fmt.Errorf("storing field %q of %s: %w", item.Field, subject, err)
		}
	}
	stored, err := v.insertValues(ctx, o, rows)
	if err != nil {
		return nil, fmt.Errorf("storing values of %s: %w", subject, err)
	}
	sealed := make([]Sealed, len(items))
	for i, item := range items {
		if sealed[i], err = stored.confirm(k, o, item); err != nil {
			return nil, fmt.Errorf("storing field %q of %s: %w", item.Field, subject, err)
		}
	}
	return sealed, nil
}

func sealItem(k *dek, o Owner, item Item) (valueRow, error) {
	if item.ContentID == uuid.Nil {
		return valueRow{}, errors.New("the content id is missing")
	}
	padded, err := pad(item.Plain)
	if err != nil {
		return valueRow{}, err
	}
	defer clear(padded)
	ciphertext, err := k.aead.Encrypt(padded, o.ref(item).bind())
	if err != nil {
		return valueRow{}, err
	}
	return valueRow{
		ref: o.ref(item), ciphertext: ciphertext,
		sealed: Sealed{item.ContentID, k.id, Alg, sha256.Sum256(ciphertext)},
	}, nil
}

func (o Owner) ref(item Item) Ref { return Ref{o.Workspace, o.Subject, item.Field, item.Version} }

// valueRow is a row of vault.values. Read back after an insert, ciphertext is nil when the row is the one just inserted.
type valueRow struct {
	ref        Ref
	sealed     Sealed
	ciphertext []byte
}

type valueRows map[uuid.UUID]valueRow

// insertValues stores rows whose content id is free and returns what is stored under all of them. The key's row stays
// locked meanwhile, so that no ciphertext arrives after the subject was destroyed, by whatever instance.
func (v *Vault) insertValues(ctx context.Context, o Owner, rows []valueRow) (valueRows, error) {
	// In one order everywhere, so that two instances storing the same ids cannot deadlock.
	rows = slices.SortedFunc(slices.Values(rows), func(a, b valueRow) int {
		return bytes.Compare(a.sealed.ContentID[:], b.sealed.ContentID[:])
	})
	n := len(rows)
	ids, fields, versions := make([]uuid.UUID, n), make([]string, n), make([]int, n)
	keyIDs, ciphertexts, sums := make([]string, n), make([][]byte, n), make([][]byte, n)
	for i := range rows {
		r := &rows[i]
		ids[i], fields[i], versions[i] = r.sealed.ContentID, r.ref.Field, r.ref.Version
		keyIDs[i], ciphertexts[i], sums[i] = r.sealed.KeyID, r.ciphertext, r.sealed.SHA256[:]
	}
	var batch pgx.Batch // sent as one transaction
	var destroyed bool
	batch.Queue(`
		SELECT destroyed_at IS NOT NULL FROM vault.deks WHERE workspace = $1 AND subject = $2 FOR SHARE`,
		o.Workspace, o.Subject).QueryRow(func(row pgx.Row) error { return row.Scan(&destroyed) })
	batch.Queue(`
		INSERT INTO vault.values (content_id, workspace, subject, field, value_version, key_id, alg, ciphertext, sha256)
		SELECT new.id, $1, $2, new.field, new.version, new.key_id, $3, new.ciphertext, new.sum
		FROM unnest($4::uuid[], $5::text[], $6::int[], $7::text[], $8::bytea[], $9::bytea[])
			AS new (id, field, version, key_id, ciphertext, sum)
		WHERE EXISTS (SELECT FROM vault.deks WHERE workspace = $1 AND subject = $2 AND destroyed_at IS NULL)
		ON CONFLICT (content_id) DO NOTHING`,
		o.Workspace, o.Subject, Alg, ids, fields, versions, keyIDs, ciphertexts, sums)
	stored := make(valueRows, n)
	batch.Queue(`
		SELECT content_id, workspace, subject, field, value_version, key_id, alg, sha256,
			CASE WHEN sha256 = ANY ($2) THEN NULL ELSE ciphertext END
		FROM vault.values WHERE content_id = ANY ($1)`, ids, sums).Query(stored.scan)
	err := v.pool.SendBatch(ctx, &batch).Close()
	if errors.Is(err, pgx.ErrNoRows) { // a database restored under a running instance
		v.Forget(o.Workspace, o.Subject)
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, databaseError(err)
	}
	if destroyed {
		v.Forget(o.Workspace, o.Subject)
		return nil, ErrErased
	}
	return stored, nil
}

func (rows valueRows) scan(result pgx.Rows) error {
	var r valueRow
	var sum []byte
	_, err := pgx.ForEachRow(result, []any{&r.sealed.ContentID, &r.ref.Workspace, &r.ref.Subject, &r.ref.Field,
		&r.ref.Version, &r.sealed.KeyID, &r.sealed.Alg, &sum, &r.ciphertext}, func() error {
		copy(r.sealed.SHA256[:], sum)
		row := r
		row.ciphertext = bytes.Clone(r.ciphertext)
		rows[r.sealed.ContentID] = row
		return nil
	})
	return err
}

// confirm checks that what is stored under the item's content id is the item: just inserted, or by an earlier try.
func (rows valueRows) confirm(k *dek, o Owner, item Item) (Sealed, error) {
	row, ok := rows[item.ContentID]
	if !ok {
		return Sealed{}, ErrMissing
	}
	if row.ref != o.ref(item) {
		return Sealed{}, fmt.Errorf("%w: content id %s stands for another value", ErrConflict, item.ContentID)
	}
	if row.ciphertext == nil {
		return row.sealed, nil
	}
	earlier, err := decryptValue(k, row.ref, row.sealed, Ciphertext{Alg: row.sealed.Alg, Bytes: row.ciphertext})
	if err != nil {
		return Sealed{}, err
	}
	defer earlier.Clear()
	if subtle.ConstantTimeCompare(earlier, item.Plain) != 1 {
		return Sealed{}, fmt.Errorf("%w: content id %s stands for another value", ErrConflict, item.ContentID)
	}
	return row.sealed, nil
}
