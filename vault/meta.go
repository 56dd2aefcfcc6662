package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const metaRootCheck = "root_check"

var checkText = []byte("client-secrets vault, root key check v1")

// openChecked opens the root key. The first Open of an empty vault stores a check value under it; every later one must
// decrypt that. Two first Opens at once agree on whichever check value was stored first.
func openChecked(ctx context.Context, c Config) (rootKey, error) {
	check, found, err := readMeta(ctx, c.Pool, metaRootCheck)
	if err != nil {
		return rootKey{}, err
	}
	if !found {
		if err := refuseUnchecked(ctx, c.Pool); err != nil {
			return rootKey{}, err
		}
	}
	root, err := openRoot(ctx, c.KMSURL, c.CreateKey && !found)
	if err != nil {
		return rootKey{}, err
	}
	if !found {
		if check, err = storeCheck(ctx, c.Pool, root); err != nil {
			return rootKey{}, errors.Join(err, root.keeper.Close())
		}
	}
	text, err := root.DecryptWithContext(ctx, check, bind(bindKEK, uuid.Nil, metaRootCheck))
	if err != nil || !bytes.Equal(text, checkText) {
		err = fmt.Errorf("%w: it does not open what this vault was made with (another key, or the KMS refused): %w",
			ErrRootKey, errors.Join(err, ctx.Err()))
		return rootKey{}, errors.Join(err, root.keeper.Close())
	}
	return root, nil
}

// refuseUnchecked fails when there are keys but no check value: somebody removed it, and a wrong root key would go
// unnoticed.
func refuseUnchecked(ctx context.Context, pool *pgxpool.Pool) error {
	var keys bool
	if err := pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM vault.keks)`).Scan(&keys); err != nil {
		return fmt.Errorf("looking for keys: %w", err)
	}
	if keys {
		return fmt.Errorf("%w: the vault holds keys but its root key check is gone: restore vault.meta", ErrRootKey)
	}
	return nil
}

func storeCheck(ctx context.Context, pool *pgxpool.Pool, root rootKey) ([]byte, error) {
	check, err := root.EncryptWithContext(ctx, checkText, bind(bindKEK, uuid.Nil, metaRootCheck))
	if err != nil {
		return nil, fmt.Errorf("%w: it does not encrypt: %w", ErrRootKey, err)
	}
	return storeMeta(ctx, pool, metaRootCheck, check)
}

// Pin stores value under name once and for all; afterwards any other value is refused with ErrConflict. So a vault
// remembers, for instance, which log it belongs to.
func (v *Vault) Pin(ctx context.Context, name string, value []byte) error {
	stored, err := storeMeta(ctx, v.pool, "pin/"+name, value)
	if err != nil {
		return err
	}
	if !bytes.Equal(stored, value) {
		return fmt.Errorf("%w: this vault was used with another %s", ErrConflict, name)
	}
	return nil
}

func readMeta(ctx context.Context, pool *pgxpool.Pool, name string) (value []byte, found bool, err error) {
	err = pool.QueryRow(ctx, `SELECT value FROM vault.meta WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading the vault's %s: %w", name, databaseError(err))
	}
	return value, true, nil
}

// storeMeta stores value if name is free and returns what is stored under it.
func storeMeta(ctx context.Context, pool *pgxpool.Pool, name string, value []byte) ([]byte, error) {
	_, err := pool.Exec(ctx,
		`INSERT INTO vault.meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value)
	if err != nil {
		return nil, fmt.Errorf("storing the vault's %s: %w", name, databaseError(err))
	}
	stored, found, err := readMeta(ctx, pool, name)
	if err == nil && !found {
		err = fmt.Errorf("storing the vault's %s: it is gone again", name)
	}
	return stored, err
}
