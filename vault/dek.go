package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Owner is whom a data key belongs to: a subject, named as its stream is ("secret-<uuid>"), in a workspace.
type Owner struct {
	Workspace uuid.UUID
	Subject   string
}

func (o Owner) bind() []byte { return bind(bindDEK, o.Workspace, o.Subject) }

// dek is a subject's key ready for use, or why there is none.
type dek struct {
	aead tink.AEAD
	id   string // the keyset's primary key, 8 hex digits
	err  error
}

// final tells whether a load may be cached: a usable key is, and so is a destroyed one. A fault is not.
func (k *dek) final() bool { return k.err == nil || errors.Is(k.err, ErrErased) }

// LoadKeys loads the keys of subjects into memory, and makes those that do not exist when create is set; SealText, OpenText
// and Open then work without I/O while they stay among the Config.KeyCache most recently used. One query, whatever their
// number; a second or third only at the first use of a workspace. With create, a destroyed subject is ErrErased. Without
// it, destroyed and unknown subjects are no error here but where they are used.
func (v *Vault) LoadKeys(ctx context.Context, workspace uuid.UUID, subjects []string, create bool) error {
	owners := make([]Owner, len(subjects))
	for i, s := range subjects {
		owners[i] = Owner{workspace, s}
	}
	if !create {
		return v.Preload(ctx, owners)
	}
	made, err := v.createKeys(ctx, workspace, v.keys.missing(owners))
	if err != nil {
		return err
	}
	for _, o := range owners {
		k, ok := made[o]
		if !ok {
			k, ok = v.keys.get(o)
		}
		if ok && k.err != nil {
			return fmt.Errorf("the key of %s: %w", o.Subject, k.err)
		}
	}
	return nil
}

// Preload is LoadKeys without create, for subjects of several workspaces with one query.
func (v *Vault) Preload(ctx context.Context, owners []Owner) error {
	missing := v.keys.missing(owners)
	if len(missing) == 0 {
		return nil
	}
	if _, err := v.readKeys.get(ctx, missing); err != nil {
		return fmt.Errorf("loading keys: %w", err)
	}
	return nil
}

// keyOf returns one subject's key, loading it when it is not in memory and making it when create is set.
func (v *Vault) keyOf(ctx context.Context, o Owner, create bool) (*dek, error) {
	if k, ok := v.keys.get(o); ok {
		return k, k.err
	}
	var found map[Owner]*dek
	var err error
	if create {
		found, err = v.createKeys(ctx, o.Workspace, []Owner{o})
	} else {
		found, err = v.readKeys.get(ctx, []Owner{o})
	}
	if err != nil {
		return nil, fmt.Errorf("loading a key: %w", err)
	}
	k, ok := found[o]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, o.Subject)
	}
	return k, k.err
}

const selectKeys = `
	SELECT d.workspace, d.subject, coalesce(d.epoch, 0), d.wrapped, d.destroyed_at IS NOT NULL
	FROM unnest($1::uuid[], $2::text[]) AS w (workspace, subject) JOIN vault.deks d USING (workspace, subject)`

// loadKeys reads and unwraps; it is what gathered callers share.
func (v *Vault) loadKeys(ctx context.Context, owners []Owner) (found map[Owner]*dek, err error) {
	load := v.keys.begin()
	defer func() { v.keys.end(load, found) }()
	workspaces, subjects := make([]uuid.UUID, len(owners)), make([]string, len(owners))
	for i, o := range owners {
		workspaces[i], subjects[i] = o.Workspace, o.Subject
	}
	rows, err := v.pool.Query(ctx, selectKeys, workspaces, subjects)
	if err != nil {
		return nil, databaseError(err)
	}
	stored, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return nil, databaseError(err)
	}
	return v.unwrapKeys(ctx, stored)
}

// createKeys stores a fresh key for each owner that has none and returns the keys that then stand: of many instances
// the first wins and the others use what it stored. Destroyed subjects keep their destroyed row.
func (v *Vault) createKeys(ctx context.Context, workspace uuid.UUID, owners []Owner) (found map[Owner]*dek, err error) {
	if len(owners) == 0 {
		return nil, nil
	}
	current, err := v.currentKEK(ctx, workspace)
	if err != nil {
		return nil, fmt.Errorf("making keys: %w", err)
	}
	load := v.keys.begin()
	defer func() { v.keys.end(load, found) }()
	workspaces, subjects := make([]uuid.UUID, len(owners)), make([]string, len(owners))
	wrapped := make([][]byte, len(owners))
	// In one order everywhere, so that two instances making the same keys cannot deadlock.
	slices.SortFunc(owners, func(a, b Owner) int { return strings.Compare(a.Subject, b.Subject) })
	for i, o := range owners {
		workspaces[i], subjects[i] = workspace, o.Subject
		if wrapped[i], err = newWrappedKey(current.aead, o); err != nil {
			return nil, fmt.Errorf("making keys: %w", err)
		}
	}
	var batch pgx.Batch
	batch.Queue(`
		INSERT INTO vault.deks (workspace, subject, epoch, wrapped)
		SELECT $1, subject, $2, wrapped FROM unnest($3::text[], $4::bytea[]) AS new (subject, wrapped)
		ON CONFLICT (workspace, subject) DO NOTHING`, workspace, current.id.epoch, subjects, wrapped)
	var stored []keyRow
	batch.Queue(selectKeys, workspaces, subjects).Query(func(rows pgx.Rows) (err error) {
		stored, err = pgx.CollectRows(rows, scanKey)
		return err
	})
	if err := v.pool.SendBatch(ctx, &batch).Close(); err != nil {
		v.epochs.Remove(workspace) // the epoch may have been retired meanwhile
		return nil, fmt.Errorf("making keys: %w", databaseError(err))
	}
	return v.unwrapKeys(ctx, stored)
}

// newWrappedKey makes a data keyset for o.
func newWrappedKey(kek tink.AEAD, o Owner) ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	var wrapped bytes.Buffer
	err = handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&wrapped), kek, o.bind())
	return wrapped.Bytes(), err
}

type keyRow struct {
	owner     Owner
	epoch     int
	wrapped   []byte
	destroyed bool
}

func scanKey(row pgx.CollectableRow) (k keyRow, err error) {
	err = row.Scan(&k.owner.Workspace, &k.owner.Subject, &k.epoch, &k.wrapped, &k.destroyed)
	return k, err
}

// unwrapKeys turns rows into keys. One that cannot be unwrapped carries its error and does not fail the others.
func (v *Vault) unwrapKeys(ctx context.Context, rows []keyRow) (map[Owner]*dek, error) {
	needed := map[kekID]struct{}{}
	for _, r := range rows {
		if !r.destroyed {
			needed[kekID{r.owner.Workspace, r.epoch}] = struct{}{}
		}
	}
	keks, err := v.keksOf(ctx, needed)
	if err != nil {
		return nil, err
	}
	found := make(map[Owner]*dek, len(rows))
	for _, r := range rows {
		found[r.owner] = r.unwrap(keks[kekID{r.owner.Workspace, r.epoch}])
	}
	return found, nil
}

func (r keyRow) unwrap(k kek) *dek {
	if r.destroyed {
		return &dek{err: ErrErased}
	}
	if k.err != nil {
		return &dek{err: k.err}
	}
	handle, err := r.open(k)
	if err != nil {
		return &dek{err: err}
	}
	return newDEK(handle)
}

func (r keyRow) open(k kek) (*keyset.Handle, error) {
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(r.wrapped)), k.aead, r.owner.bind())
	if err != nil {
		return nil, fmt.Errorf("%w: the key of %s does not unwrap", ErrTampered, r.owner.Subject)
	}
	return handle, nil
}

// newDEK makes a keyset usable. A keyset of one key, the usual one, skips Tink's wrapper, which costs twice the memory
// and finds the key by its prefix; the ciphertext is the same.
func newDEK(handle *keyset.Handle) *dek {
	primary, err := handle.Primary()
	if err != nil {
		return &dek{err: fmt.Errorf("using a key: %w", err)}
	}
	k := &dek{id: fmt.Sprintf("%08x", primary.KeyID())}
	if only, ok := primary.Key().(*aesgcm.Key); ok && handle.Len() == 1 {
		k.aead, k.err = aesgcm.NewAEAD(only)
	} else {
		k.aead, k.err = aead.New(handle)
	}
	return k
}
