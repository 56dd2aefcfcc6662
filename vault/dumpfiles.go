package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// CopiedFile is a file that a dump's tables name: its ciphertext and what that hashes to.
type CopiedFile struct {
	Blob   uuid.UUID
	SHA256 [sha256.Size]byte
}

// FileStore is where the ciphertexts of files are. BlobURL is as in Config.
type FileStore struct {
	Pool    *pgxpool.Pool
	BlobURL string
}

// filesOf lists the files as of one moment. Those still on their way in are left out: nobody has their keys yet.
func filesOf(ctx context.Context, tx pgx.Tx) ([]CopiedFile, error) {
	rows, err := tx.Query(ctx, `SELECT blob, sha256 FROM vault.files WHERE content_id IS NOT NULL AND NOT doomed ORDER BY blob`)
	if err != nil {
		return nil, fmt.Errorf("listing its files: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (f CopiedFile, err error) {
		var sum []byte
		err = row.Scan(&f.Blob, &sum)
		copy(f.SHA256[:], sum)
		return f, err
	})
}

// DumpFiles copies the ciphertexts of files, after the tables that name them. create says where one goes; what it returns is
// closed once the file is complete. gone are those that were removed since the tables were copied. Any other that is missing,
// or is not what was once encrypted, is an error.
func DumpFiles(ctx context.Context, from FileStore, files []CopiedFile, create func(blob uuid.UUID) (io.WriteCloser, error)) (gone []uuid.UUID, err error) {
	if len(files) == 0 {
		return nil, nil
	}
	store, err := openBlobs(ctx, from.BlobURL, false)
	if err != nil {
		return nil, fmt.Errorf("copying files: %w", err)
	}
	defer func() { err = errors.Join(err, store.close()) }()
	for _, f := range files {
		err := store.dump(ctx, f, create)
		if errors.Is(err, ErrMissing) {
			var stays bool
			query := `SELECT EXISTS (SELECT FROM vault.files WHERE blob = $1 AND NOT doomed)`
			if e := from.Pool.QueryRow(ctx, query, f.Blob).Scan(&stays); e == nil && !stays {
				gone = append(gone, f.Blob)
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("copying file %s: %w", f.Blob, err)
		}
	}
	return gone, nil
}

func (b *blobs) dump(ctx context.Context, f CopiedFile, create func(uuid.UUID) (io.WriteCloser, error)) error {
	in, err := b.open(ctx, f.Blob)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := create(f.Blob)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), in)
	if err == nil && !bytes.Equal(sum.Sum(nil), f.SHA256[:]) {
		err = fmt.Errorf("%w: it is not what was once encrypted", ErrTampered)
	}
	return errors.Join(err, out.Close())
}

// LoadFiles puts ciphertexts into a store, before the tables that name them are loaded. open gives one.
func LoadFiles(ctx context.Context, blobURL string, files []uuid.UUID, open func(blob uuid.UUID) (io.ReadCloser, error)) (err error) {
	if len(files) == 0 {
		return nil
	}
	if blobURL == "" {
		return errors.New("BLOB_URL is missing: the dump has files")
	}
	store, err := openBlobs(ctx, blobURL, true)
	if err != nil {
		return fmt.Errorf("loading files: %w", err)
	}
	defer func() { err = errors.Join(err, store.close()) }()
	for _, id := range files {
		if err := store.load(ctx, id, open); err != nil {
			return fmt.Errorf("loading file %s: %w", id, err)
		}
	}
	return nil
}

func (b *blobs) load(ctx context.Context, id uuid.UUID, open func(uuid.UUID) (io.ReadCloser, error)) error {
	in, err := open(id)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := b.create(ctx, id)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.drop()
		return err
	}
	return out.Close()
}

// CheckFiles fails unless every file that loaded tables name is one that was loaded, with the very ciphertext, or was gone
// when the dump was made. loaded has the SHA-256 of each in hexadecimal.
func CheckFiles(ctx context.Context, pool *pgxpool.Pool, loaded map[uuid.UUID]string, gone []uuid.UUID) error {
	var files []CopiedFile
	err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		files, err = filesOf(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	absent := make(map[uuid.UUID]bool, len(gone))
	for _, id := range gone {
		absent[id] = true
	}
	for _, f := range files {
		if sum, ok := loaded[f.Blob]; !absent[f.Blob] && (!ok || sum != hex.EncodeToString(f.SHA256[:])) {
			return fmt.Errorf("%w: the dump does not have file %s as its tables name it", ErrMissing, f.Blob)
		}
	}
	return nil
}
