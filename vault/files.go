package vault

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gabriel-vasile/mimetype"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/kdesk/client-secrets/domain"
)

const (
	// uploadLife is how long a file that was uploaded waits to be put into a secret, for Postgres.
	uploadLife = "24 hours"
	// maxWaiting bounds the uploads of one uploader that wait.
	maxWaiting = 50
	// sniffed is how many bytes of a file tell its type.
	sniffed = 3072
)

// What callers tell apart about files.
var (
	// ErrNoFiles: BLOB_URL is not set.
	ErrNoFiles = &domain.Error{Kind: domain.Unavailable, Code: "files_unavailable", Text: "files cannot be kept here: no store for them is set up"}
	// ErrNoUpload: there is no such upload, or it is somebody else's, used or expired: which of these is not told.
	ErrNoUpload = &domain.Error{Kind: domain.Invalid, Code: "upload_unusable", Text: "there is no such upload of yours that is still unused"}
	// ErrTooManyUploads: the uploader has as many files waiting as there may be.
	ErrTooManyUploads = &domain.Error{Kind: domain.TooMany, Code: "too_many_uploads", Text: "too many of your uploads are not used yet"}
)

// NewFile is a file to be received. Uploader is the subject whose key guards it until it is in a secret.
type NewFile struct {
	Workspace uuid.UUID
	Uploader  string
	Name      string
}

// About tells what a file is. Size is in bytes; the type was found by looking at the bytes. Scanned tells that a scanner for
// malware found nothing in it; whoever calls Keep sets it.
type About struct {
	Name        string `json:"name"`
	Size        int64  `json:"size"`
	ContentType string `json:"content_type"`
	Scanned     bool   `json:"scanned,omitempty"`
}

// Received is a file that is in the blob store, whole, and does not count yet: Keep makes it an upload, Drop removes it.
type Received struct {
	About
	SHA256 [sha256.Size]byte // of the ciphertext

	vault *Vault
	file  NewFile
	key   *keyset.Handle
	blob  uuid.UUID
}

// Receive encrypts what body yields into the blob store, holding no more than a few segments of it in memory. A failure of
// body is returned as it is. ErrErased when the uploader was erased, ErrTooManyUploads, ErrNoFiles. A crash leaves a row
// without a content, and perhaps a ciphertext under its name: SweepFiles removes both.
func (v *Vault) Receive(ctx context.Context, f NewFile, body io.Reader) (_ *Received, err error) {
	if v.blobs == nil {
		return nil, ErrNoFiles
	}
	if _, err := v.keyOf(ctx, Owner{f.Workspace, f.Uploader}, true); err != nil {
		return nil, fmt.Errorf("receiving a file: %w", err)
	}
	r := &Received{vault: v, file: f, blob: uuid.New(), About: About{Name: f.Name}}
	if r.key, err = newFileKey(); err != nil {
		return nil, fmt.Errorf("receiving a file: %w", err)
	}
	if err := v.announce(ctx, r); err != nil {
		return nil, err
	}
	if err := r.write(ctx, body); err != nil {
		return nil, errors.Join(err, r.Drop(ctx))
	}
	return r, nil
}

// announce stores the row of a file that is about to be written.
func (v *Vault) announce(ctx context.Context, r *Received) error {
	tag, err := v.pool.Exec(ctx, `
		INSERT INTO vault.files (blob, workspace, uploader, subject, alg) SELECT $1, $2, $3, $3, $4
		WHERE (SELECT count(*) FROM vault.files WHERE workspace = $2 AND subject = $3 AND NOT doomed) < $5`,
		r.blob, r.file.Workspace, r.file.Uploader, FileAlg, maxWaiting)
	if err != nil {
		return fmt.Errorf("receiving a file: %w", databaseError(err))
	}
	if tag.RowsAffected() == 0 {
		return ErrTooManyUploads
	}
	return nil
}

// write streams body through the cipher into the store, counting and hashing on the way.
func (r *Received) write(ctx context.Context, body io.Reader) error {
	cipher, err := streaming(r.key)
	if err != nil {
		return err
	}
	out, err := r.vault.blobs.create(ctx, r.blob)
	if err != nil {
		return err
	}
	sum := sha256.New()
	if err := r.encrypt(cipher, io.MultiWriter(out, sum), body); err != nil {
		out.drop()
		return err
	}
	copy(r.SHA256[:], sum.Sum(nil))
	return out.Close()
}

func (r *Received) encrypt(cipher tink.StreamingAEAD, out io.Writer, body io.Reader) error {
	in := bufio.NewReaderSize(body, fileSegment)
	head, err := in.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	r.ContentType = mimetype.Detect(head).String()
	sealed, err := cipher.NewEncryptingWriter(out, bind(bindFile, r.file.Workspace, r.blob.String()))
	if err != nil {
		return fmt.Errorf("encrypting a file: %w", err)
	}
	if r.Size, err = io.Copy(sealed, in); err != nil {
		return err
	}
	return sealed.Close()
}

// Drop removes what was received. It does nothing to a file that was kept.
func (r *Received) Drop(ctx context.Context) error {
	ctx, v := context.WithoutCancel(ctx), r.vault
	var kept bool
	err := v.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM vault.files WHERE blob = $1 AND content_id IS NOT NULL)`, r.blob).Scan(&kept)
	if err == nil && kept {
		return nil
	}
	if err == nil {
		err = v.blobs.remove(ctx, r.blob)
	}
	if err == nil {
		_, err = v.pool.Exec(ctx, `DELETE FROM vault.files WHERE blob = $1 AND content_id IS NULL`, r.blob)
	}
	if err != nil {
		return fmt.Errorf("dropping a received file: %w", databaseError(err))
	}
	return nil
}

// Keep makes the file the upload with an id. An id that stands for an upload of the same uploader already keeps that one:
// callers make sure that a repetition is of the same bytes. It returns what is kept under the id, by this or an earlier try.
func (r *Received) Keep(ctx context.Context, id uuid.UUID) (hash [sha256.Size]byte, about About, err error) {
	v, p := r.vault, place{Ref{Workspace: r.file.Workspace, Subject: r.file.Uploader}, r.blob}
	k, err := v.keyOf(ctx, p.owner(), true)
	if err != nil {
		return hash, about, fmt.Errorf("keeping a file: %w", err)
	}
	wrapped, err := wrapFileKey(r.key, k, p)
	if err != nil {
		return hash, about, fmt.Errorf("keeping a file: %w", err)
	}
	sealed, err := sealAbout(r.key, r.file.Workspace, r.blob, r.About)
	if err != nil {
		return hash, about, fmt.Errorf("keeping a file: %w", err)
	}
	kept, err := v.storeUpload(ctx, r, id, k.id, wrapped, sealed)
	if err != nil {
		return hash, about, fmt.Errorf("keeping a file: %w", err)
	}
	if kept {
		return r.SHA256, r.About, nil
	}
	return v.keptBefore(ctx, r, id)
}

// storeUpload completes the row, unless the id is taken or the uploader's key was destroyed: the key's row is locked
// meanwhile, as in Put.
func (v *Vault) storeUpload(ctx context.Context, r *Received, id uuid.UUID, keyID string, wrapped, about []byte) (kept bool, err error) {
	err = pgx.BeginFunc(ctx, v.pool, func(tx pgx.Tx) error {
		if err := v.lockKey(ctx, tx, Owner{r.file.Workspace, r.file.Uploader}); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
			UPDATE vault.files SET content_id = $2, key_id = $3, wrapped = $4, about = $5, sha256 = $6
			WHERE blob = $1 AND NOT doomed AND NOT EXISTS (SELECT FROM vault.files WHERE content_id = $2)`,
			r.blob, id, keyID, wrapped, about, r.SHA256[:])
		kept = tag.RowsAffected() == 1
		return err
	})
	if uniqueViolation(err) { // another try was faster by a moment
		return false, nil
	}
	return kept, databaseError(err)
}

// lockKey keeps a subject's key from being destroyed before tx ends.
func (v *Vault) lockKey(ctx context.Context, tx pgx.Tx, o Owner) error {
	var destroyed bool
	err := tx.QueryRow(ctx, `SELECT destroyed_at IS NOT NULL FROM vault.deks WHERE workspace = $1 AND subject = $2 FOR SHARE`,
		o.Workspace, o.Subject).Scan(&destroyed)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // a database restored under a running instance
		v.Forget(o.Workspace, o.Subject)
		return ErrNoKey
	case err == nil && destroyed:
		v.Forget(o.Workspace, o.Subject)
		return ErrErased
	}
	return err
}

// keptBefore returns the upload that an earlier try kept under the id, and removes this one.
func (v *Vault) keptBefore(ctx context.Context, r *Received, id uuid.UUID) (hash [sha256.Size]byte, about About, err error) {
	if err := r.Drop(ctx); err != nil {
		return hash, about, err
	}
	f, err := v.FetchFile(ctx, id)
	if err != nil || f.uploader != r.file.Uploader || f.place.Workspace != r.file.Workspace {
		return hash, about, errors.Join(ErrNoUpload, err)
	}
	about, err = v.about(ctx, f)
	return f.sha256, about, err
}

// sealAbout encrypts what is told of a file by the file's own key: it goes wherever the key goes.
func sealAbout(handle *keyset.Handle, workspace, blob uuid.UUID, about About) ([]byte, error) {
	text, err := json.Marshal(about)
	if err != nil {
		return nil, err
	}
	padded, err := pad(text)
	if err != nil {
		return nil, err
	}
	cipher, err := streaming(handle)
	if err != nil {
		return nil, err
	}
	return sealSmall(cipher, padded, bind(bindFileAbout, workspace, blob.String()))
}

// uniqueViolation tells whether a row was refused because another one is there (SQLSTATE 23505).
func uniqueViolation(err error) bool {
	var told *pgconn.PgError
	return errors.As(err, &told) && told.Code == "23505"
}
