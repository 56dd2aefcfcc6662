package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// StoredFile is a file as the vault has it, still encrypted.
type StoredFile struct {
	id       uuid.UUID
	place    place
	uploader string
	keyID    string
	alg      string
	wrapped  []byte
	about    []byte
	sha256   [sha256.Size]byte
	command  uuid.UUID
	named    bool // the log has it
	expired  bool
}

const selectFiles = `
	SELECT content_id, blob, workspace, subject, field, value_version, uploader, key_id, alg, wrapped, about, sha256,
		coalesce(command, '00000000-0000-0000-0000-000000000000'), position IS NOT NULL, created_at < now() - interval '` + uploadLife + `'
	FROM vault.files WHERE content_id IS NOT NULL AND NOT doomed AND `

// queryFiles reads files that were kept.
func (v *Vault) queryFiles(ctx context.Context, condition string, args ...any) ([]StoredFile, error) {
	rows, err := v.pool.Query(ctx, selectFiles+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("reading files: %w", databaseError(err))
	}
	files, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f StoredFile, err error) {
		var sum []byte
		err = row.Scan(&f.id, &f.place.blob, &f.place.Workspace, &f.place.Subject, &f.place.Field, &f.place.Version, &f.uploader,
			&f.keyID, &f.alg, &f.wrapped, &f.about, &sum, &f.command, &f.named, &f.expired)
		copy(f.sha256[:], sum)
		return f, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading files: %w", databaseError(err))
	}
	return files, nil
}

// FetchFile reads what the vault has of a file, without its bytes. ErrMissing if it has none.
func (v *Vault) FetchFile(ctx context.Context, id uuid.UUID) (StoredFile, error) {
	files, err := v.queryFiles(ctx, `content_id = $1`, id)
	switch {
	case err != nil:
		return StoredFile{}, err
	case len(files) == 0:
		return StoredFile{}, fmt.Errorf("fetching a file: %w", ErrMissing)
	}
	return files[0], nil
}

// Describe tells of files in secrets what they are, by content id. One that is gone, or is not where ref says, is left out.
func (v *Vault) Describe(ctx context.Context, refs map[uuid.UUID]Ref) (map[uuid.UUID]About, error) {
	ids := make([]uuid.UUID, 0, len(refs))
	for id := range refs {
		ids = append(ids, id)
	}
	files, err := v.queryFiles(ctx, `content_id = ANY ($1)`, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]About, len(files))
	for _, f := range files {
		if f.place.Ref != refs[f.id] {
			continue
		}
		about, err := v.about(ctx, f)
		if errors.Is(err, ErrErased) {
			continue // destroyed at this moment
		}
		if err != nil {
			return nil, err
		}
		found[f.id] = about
	}
	return found, nil
}

// fileKey unwraps a file's key where the file stands.
func (v *Vault) fileKey(ctx context.Context, f StoredFile) (*keyset.Handle, error) {
	k, err := v.keyOf(ctx, f.place.owner(), false)
	if err != nil {
		return nil, fmt.Errorf("opening a file of %s: %w", f.place.Subject, err)
	}
	return unwrapFileKey(f.wrapped, k, f.place)
}

func (v *Vault) about(ctx context.Context, f StoredFile) (About, error) {
	handle, err := v.fileKey(ctx, f)
	if err != nil {
		return About{}, err
	}
	cipher, err := streaming(handle)
	if err != nil {
		return About{}, err
	}
	return openAbout(cipher, f)
}

func openAbout(cipher tink.StreamingAEAD, f StoredFile) (about About, err error) {
	padded, err := openSmall(cipher, f.about, bind(bindFileAbout, f.place.Workspace, f.place.blob.String()))
	if err != nil {
		return about, fmt.Errorf("%w: what is told of a file does not decrypt here", ErrTampered)
	}
	text, err := unpad(padded)
	if err != nil {
		return about, err
	}
	return about, json.Unmarshal(text, &about)
}

// OpenFile is a file on its way out. Read yields the plaintext, each part authenticated; the last part only once the whole
// ciphertext was found to be the one that the log names. Otherwise it fails with ErrTampered. Close ends it.
type OpenFile struct {
	About
	source *hashed
	plain  io.Reader
	want   [sha256.Size]byte
	left   int64
	closes io.Closer
}

// Decrypt begins reading a fetched file. want is what the log recorded of it and ref where the log says it stands. ctx must
// live as long as it is read.
func (v *Vault) Decrypt(ctx context.Context, ref Ref, want Sealed, f StoredFile) (*OpenFile, error) {
	switch {
	case v.blobs == nil:
		return nil, ErrNoFiles
	case want.Alg != FileAlg || f.alg != FileAlg:
		return nil, fmt.Errorf("%w: a file is encrypted in a way this version does not know", ErrTampered)
	case f.place.Ref != ref || f.id != want.ContentID:
		return nil, fmt.Errorf("%w: a file is not where the log names it", ErrTampered)
	}
	handle, err := v.fileKey(ctx, f)
	if err != nil {
		return nil, err
	}
	cipher, err := streaming(handle)
	if err != nil {
		return nil, err
	}
	about, err := openAbout(cipher, f)
	if err != nil {
		return nil, err
	}
	in, err := v.blobs.open(ctx, f.place.blob)
	if err != nil {
		return nil, err
	}
	source := &hashed{in: in, sum: sha256.New()}
	plain, err := cipher.NewDecryptingReader(source, bind(bindFile, f.place.Workspace, f.place.blob.String()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decrypting a file: %w", err), in.Close())
	}
	return &OpenFile{About: about, source: source, plain: plain, want: want.SHA256, left: about.Size, closes: in}, nil
}

// Read implements io.Reader.
func (o *OpenFile) Read(p []byte) (int, error) {
	n, err := o.plain.Read(p)
	o.left -= int64(n)
	switch {
	case o.source.failed != nil:
		return 0, fmt.Errorf("reading a file: %w", o.source.failed)
	case err != nil && !errors.Is(err, io.EOF):
		return 0, fmt.Errorf("%w: a file does not decrypt", ErrTampered)
	// The cipher only knows a part to be the last one by having met the end: the hash is complete by then.
	case o.source.ended && !bytes.Equal(o.source.sum.Sum(nil), o.want[:]):
		return 0, fmt.Errorf("%w: a file is not the one that the log names", ErrTampered)
	case o.left < 0, err != nil && o.left != 0:
		return 0, fmt.Errorf("%w: a file has another size than is told of it", ErrTampered)
	}
	return n, err
}

// Close ends reading.
func (o *OpenFile) Close() error { return o.closes.Close() }

// hashed hashes what is read through it.
type hashed struct {
	in     io.Reader
	sum    hash.Hash
	ended  bool
	failed error
}

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.in.Read(p)
	h.sum.Write(p[:n])
	if errors.Is(err, io.EOF) {
		h.ended = true
	} else if err != nil {
		h.failed = err
	}
	return n, err
}

// sealSmall encrypts a short text by a file's key.
func sealSmall(cipher tink.StreamingAEAD, plain, associated []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := cipher.NewEncryptingWriter(&out, associated)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

func openSmall(cipher tink.StreamingAEAD, sealed, associated []byte) ([]byte, error) {
	r, err := cipher.NewDecryptingReader(bytes.NewReader(sealed), associated)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
