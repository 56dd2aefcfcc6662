// Package vault keeps what must be kept secret and must be forgettable: keys, and the ciphertext of field values.
//
// Three levels of keys. A root key, in a KMS or a local key file, wraps one key-encryption keyset (KEK) per workspace
// and epoch. A KEK wraps one data keyset (DEK) per subject: a secret, a member, a contact, a ticket, a workspace, named
// as its stream is. A DEK encrypts the subject's field values, stored here, and its private texts, stored in the log.
// Destroying a subject's DEK makes all of them unreadable at once, wherever copies of the ciphertext are.
//
// A file has a key of its own, wrapped by its secret's DEK. Its ciphertext is in a blob store (see blobs.go), so that it is
// never in memory as a whole; its row here tells where.
//
// Every ciphertext is bound to its place (see aad.go) and padded to a length class (see padding.go).
//
// The tables of the Postgres schema "vault" are primary data: nothing can rebuild them.
//
// This package does not decide who may read a value and does not record that somebody did: callers do both before they
// ask. It does not reach copies: an old row version lives in Postgres until vacuum, and a backup until it expires.
package vault

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/platform/postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// What callers tell apart with errors.Is. The refusals among them carry the kind that http maps to a status.
var (
	// ErrErased: the subject was destroyed; its values and texts can never be read or written again.
	ErrErased = &domain.Error{Kind: domain.NotFound, Code: "erased", Text: "the data was erased"}
	// ErrTooLarge: a value or text is longer than MaxValue.
	ErrTooLarge = &domain.Error{Kind: domain.TooLarge, Code: "value_too_large", Text: "a value may have at most 65,536 bytes"}
	// ErrConflict: a content id or a pinned name is taken by something else.
	ErrConflict = &domain.Error{Kind: domain.Conflict, Code: "content_taken", Text: "the name stands for something else"}

	// ErrUnavailable: the database or the key service cannot be worked with for now. What was asked for may be repeated.
	ErrUnavailable = &domain.Error{Kind: domain.Unavailable, Code: "vault_unavailable", Text: "the vault cannot be reached; retrying is safe"}

	// ErrTampered: a ciphertext is not the one the log names, or is not where it was written.
	ErrTampered = errors.New("the vault's data was altered")
	// ErrNoKey: the subject has no key and none was to be made.
	ErrNoKey = errors.New("the vault has no key for this subject")
	// ErrMissing: the subject's key exists but the value's row does not.
	ErrMissing = errors.New("the vault does not hold this value")
	// ErrRootKey: the root key is missing, unreadable or not the one this vault was made with.
	ErrRootKey = errors.New("the root key cannot be used")
)

// Config is what a Vault needs.
type Config struct {
	// Pool is the database; the vault uses its schema "vault" and does not close the pool. Required.
	Pool *pgxpool.Pool
	// KMSURL names the root key: "file://<path>" (absolute or relative; 32 bytes in base64, mode 0600), or, in a build
	// with the tag cloud, awskms://, gcpkms://, azurekeyvault:// or hashivault:// as gocloud.dev/secrets writes them.
	// Required.
	KMSURL string
	// BlobURL names the store of files: "file://<folder>", or, in a build with the tag cloud, s3://, gs:// or azblob:// as
	// gocloud.dev/blob writes them. Empty: no files are taken. It is an error to leave it out once there are files.
	BlobURL string
	// CreateKey allows making the key file when it is missing and the vault is empty. It never replaces a key.
	CreateKey bool
	// KeyCache bounds how many subjects' keys are kept ready, about 0.7 KB each. Zero means 100,000.
	KeyCache int
	// ValueCache bounds the ciphertext kept in memory, in bytes. Zero means 64 MiB; negative keeps none.
	ValueCache int
}

func (c *Config) complete() error {
	if c.Pool == nil {
		return errors.New("opening the vault: Config.Pool is missing")
	}
	if c.KeyCache <= 0 {
		c.KeyCache = 100_000
	}
	if c.ValueCache == 0 {
		c.ValueCache = 64 << 20
	}
	return nil
}

const (
	kekCache = 16_384      // workspaces whose KEKs stay unwrapped; a miss is a call to the KMS
	epochTTL = time.Minute // how long a rotation by another instance may go unnoticed; old epochs stay valid
)

// Vault is safe for concurrent use by many goroutines, and many instances may share one database.
type Vault struct {
	pool   *pgxpool.Pool
	root   rootKey
	keks   *lru.Cache[kekID, tink.AEAD]
	epochs *expirable.LRU[uuid.UUID, int]
	keys   *keyCache
	values *valueCache
	blobs  *blobs // nil: no files are taken

	readKEKs   gather[kekID, kek]
	readKeys   gather[Owner, *dek]
	readValues gather[uuid.UUID, Ciphertext]
}

// Open migrates the schema, opens the root key and checks that it is the one this vault was made with: a missing or
// different key is refused with ErrRootKey before anything is read or written under it.
func Open(ctx context.Context, c Config) (*Vault, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if err := postgres.Migrate(ctx, c.Pool, migrations, "vault"); err != nil {
		return nil, fmt.Errorf("opening the vault: %w", err)
	}
	root, err := openChecked(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("opening the vault: %w", err)
	}
	keks, err := lru.New[kekID, tink.AEAD](kekCache)
	if err != nil {
		return nil, fmt.Errorf("opening the vault: %w", err)
	}
	v := &Vault{
		pool: c.Pool, root: root, keks: keks,
		epochs: expirable.NewLRU[uuid.UUID, int](kekCache, nil, epochTTL),
		keys:   newKeyCache(c.KeyCache),
		values: newValueCache(c.ValueCache),
	}
	if v.blobs, err = openFiles(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the vault: %w", err), root.keeper.Close())
	}
	v.readKEKs.read, v.readKeys.read, v.readValues.read = v.loadKEKs, v.loadKeys, v.loadValues
	return v, nil
}

// openFiles opens the blob store. There must be one if there are files.
func openFiles(ctx context.Context, c Config) (*blobs, error) {
	var files bool
	if err := c.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM vault.files)`).Scan(&files); err != nil {
		return nil, fmt.Errorf("looking for files: %w", err)
	}
	switch {
	case c.BlobURL != "":
		return openBlobs(ctx, c.BlobURL, !files)
	case files:
		return nil, errors.New("BLOB_URL is missing: this vault has files")
	}
	return nil, nil
}

// Close releases the root key and the blob store. The pool stays open.
func (v *Vault) Close() error { return errors.Join(v.root.keeper.Close(), v.blobs.close()) }

// Ready tells whether values could be read now: the database answers and holds the vault.
func (v *Vault) Ready(ctx context.Context) error {
	_, found, err := readMeta(ctx, v.pool, metaRootCheck)
	if err == nil && !found {
		err = errors.New("its root key check is gone")
	}
	if err != nil {
		return fmt.Errorf("the vault is not ready: %w", err)
	}
	return nil
}
