package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/sync/errgroup"
)

const (
	firstEpoch = 1
	rootCalls  = 8 // calls to the KMS at a time when many KEKs are loaded
)

// kekID names one key-encryption keyset.
type kekID struct {
	workspace uuid.UUID
	epoch     int
}

func (id kekID) bind() []byte { return bind(bindKEK, id.workspace, number(id.epoch)) }

// kek is a loaded KEK, or why it could not be loaded.
type kek struct {
	id   kekID
	aead tink.AEAD
	err  error
}

// keksOf returns the KEKs that ids name, from memory or with one query for all that are missing there.
func (v *Vault) keksOf(ctx context.Context, ids map[kekID]struct{}) (map[kekID]kek, error) {
	found := make(map[kekID]kek, len(ids))
	var missing []kekID
	for id := range ids {
		if a, ok := v.keks.Get(id); ok {
			found[id] = kek{id: id, aead: a}
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	loaded, err := v.readKEKs.get(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("loading workspace keys: %w", err)
	}
	for _, id := range missing {
		k, ok := loaded[id]
		if !ok {
			k = kek{id: id, err: fmt.Errorf("%w: the workspace's key of epoch %d is gone", ErrNoKey, id.epoch)}
		}
		found[id] = k
	}
	return found, nil
}

// loadKEKs reads and unwraps; it is what gathered callers share.
func (v *Vault) loadKEKs(ctx context.Context, ids []kekID) (map[kekID]kek, error) {
	workspaces, epochs := make([]uuid.UUID, len(ids)), make([]int, len(ids))
	for i, id := range ids {
		workspaces[i], epochs[i] = id.workspace, id.epoch
	}
	rows, err := v.pool.Query(ctx, `
		SELECT k.workspace, k.epoch, k.wrapped
		FROM unnest($1::uuid[], $2::int[]) AS w (workspace, epoch) JOIN vault.keks k USING (workspace, epoch)`,
		workspaces, epochs)
	if err != nil {
		return nil, databaseError(err)
	}
	var mu sync.Mutex
	found := make(map[kekID]kek, len(ids))
	var unwrapping errgroup.Group
	unwrapping.SetLimit(rootCalls)
	var id kekID
	var wrapped []byte
	_, err = pgx.ForEachRow(rows, []any{&id.workspace, &id.epoch, &wrapped}, func() error {
		id, wrapped := id, bytes.Clone(wrapped)
		unwrapping.Go(func() error {
			k := v.unwrapKEK(ctx, id, wrapped)
			mu.Lock()
			defer mu.Unlock()
			found[id] = k
			return nil
		})
		return nil
	})
	return found, errors.Join(databaseError(err), unwrapping.Wait())
}

func (v *Vault) unwrapKEK(ctx context.Context, id kekID, wrapped []byte) kek {
	root := &rootCall{rootKey: v.root}
	handle, err := keyset.ReadWithContext(ctx, keyset.NewBinaryReader(bytes.NewReader(wrapped)), root, id.bind())
	if err != nil {
		err = root.reason(err)
		return kek{id: id, err: fmt.Errorf("unwrapping the workspace's key of epoch %d: %w", id.epoch, err)}
	}
	a, err := aead.New(handle)
	if err != nil {
		return kek{id: id, err: fmt.Errorf("using the workspace's key of epoch %d: %w", id.epoch, err)}
	}
	v.keks.Add(id, a)
	return kek{id: id, aead: a}
}

// CurrentEpoch is the epoch whose KEK wraps new keys of the workspace; 0 when the workspace has none yet.
func (v *Vault) CurrentEpoch(ctx context.Context, workspace uuid.UUID) (int, error) {
	var epoch int
	err := v.pool.QueryRow(ctx,
		`SELECT coalesce(max(epoch), 0) FROM vault.keks WHERE workspace = $1`, workspace).Scan(&epoch)
	if err != nil {
		return 0, fmt.Errorf("reading the workspace's key epoch: %w", databaseError(err))
	}
	return epoch, nil
}

// currentKEK returns the KEK for new keys; the first use of a workspace makes it.
func (v *Vault) currentKEK(ctx context.Context, workspace uuid.UUID) (kek, error) {
	epoch, ok := v.epochs.Get(workspace)
	if !ok {
		var err error
		if epoch, err = v.CurrentEpoch(ctx, workspace); err != nil {
			return kek{}, err
		}
		if epoch == 0 {
			epoch = firstEpoch
			if err := v.createKEK(ctx, kekID{workspace, epoch}); err != nil {
				return kek{}, err
			}
		}
		v.epochs.Add(workspace, epoch)
	}
	id := kekID{workspace, epoch}
	found, err := v.keksOf(ctx, map[kekID]struct{}{id: {}})
	if err != nil {
		return kek{}, err
	}
	if found[id].err != nil {
		v.epochs.Remove(workspace)
	}
	return found[id], found[id].err
}

// createKEK stores a fresh KEK unless the epoch has one already: the first of many instances wins, the others load what
// it stored.
func (v *Vault) createKEK(ctx context.Context, id kekID) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("making a workspace key: %w", err)
	}
	var wrapped bytes.Buffer
	root := &rootCall{rootKey: v.root}
	if err := handle.WriteWithContext(ctx, keyset.NewBinaryWriter(&wrapped), root, id.bind()); err != nil {
		return fmt.Errorf("wrapping a workspace key: %w", root.reason(err))
	}
	_, err = v.pool.Exec(ctx, `
		INSERT INTO vault.keks (workspace, epoch, wrapped) VALUES ($1, $2, $3)
		ON CONFLICT (workspace, epoch) DO NOTHING`, id.workspace, id.epoch, wrapped.Bytes())
	if err != nil {
		return fmt.Errorf("storing a workspace key: %w", databaseError(err))
	}
	return nil
}
