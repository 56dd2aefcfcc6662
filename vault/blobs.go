package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"
)

// blobPart is how much of a file a cloud store is sent at a time. It is kept in memory, once for each upload under way.
const blobPart = 5 << 20

// blobs is the store of files' ciphertexts. On one machine it is a folder, whose files are on disk before they count.
type blobs struct {
	bucket *blob.Bucket
	dir    string // "" unless it is a folder
}

// openBlobs opens the store that blobURL names. A folder is made only when create is set: one that should hold files and is
// not there was not mounted.
func openBlobs(ctx context.Context, blobURL string, create bool) (*blobs, error) {
	scheme, _, found := strings.Cut(blobURL, "://")
	switch {
	case !found:
		return nil, errors.New("BLOB_URL is no URL: give file:///<folder> or a cloud store")
	case scheme == fileblob.Scheme:
		return openFolder(strings.TrimPrefix(blobURL, fileScheme), create)
	case !blob.DefaultURLMux().ValidBucketScheme(scheme):
		return nil, fmt.Errorf("BLOB_URL: this build knows no %s stores: build with -tags cloud", scheme)
	}
	bucket, err := blob.OpenBucket(ctx, blobURL)
	if err != nil {
		return nil, fmt.Errorf("opening the %s store of BLOB_URL: %w", scheme, err)
	}
	return &blobs{bucket: bucket}, nil
}

func openFolder(escaped string, create bool) (*blobs, error) {
	dir, err := url.PathUnescape(escaped)
	if err != nil || dir == "" {
		return nil, errors.New("BLOB_URL names no folder")
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: create, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the folder of BLOB_URL: %w", err)
	}
	return &blobs{bucket, dir}, nil
}

func (b *blobs) close() error {
	if b == nil {
		return nil
	}
	return b.bucket.Close()
}

// blobName spreads names over folders.
func blobName(id uuid.UUID) string {
	name := id.String()
	return name[:2] + "/" + name
}

// blobWriter writes one ciphertext. It is in the store once Close returns nil; drop leaves nothing.
type blobWriter struct {
	*blob.Writer
	store  *blobs
	name   string
	file   *os.File // of a folder
	cancel context.CancelFunc
}

func (b *blobs) create(ctx context.Context, id uuid.UUID) (*blobWriter, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &blobWriter{store: b, name: blobName(id), cancel: cancel}
	var err error
	w.Writer, err = b.bucket.NewWriter(ctx, w.name, &blob.WriterOptions{
		ContentType: "application/octet-stream", DisableContentTypeDetection: true, BufferSize: blobPart, MaxConcurrency: 1,
		BeforeWrite: func(as func(any) bool) error {
			if b.dir != "" {
				as(&w.file)
			}
			return nil
		},
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: writing a file: %w", ErrUnavailable, err)
	}
	return w, nil
}

// Write writes on.
func (w *blobWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: writing a file: %w", ErrUnavailable, err)
	}
	return n, err
}

// Close waits until the ciphertext is kept, on disk where that is a folder.
func (w *blobWriter) Close() error {
	defer w.cancel()
	var err error
	if w.file != nil {
		err = w.file.Sync()
	}
	if err = errors.Join(err, w.Writer.Close()); err == nil && w.store.dir != "" {
		folder := filepath.Join(w.store.dir, filepath.Dir(filepath.FromSlash(w.name)))
		err = errors.Join(syncFolder(folder), syncFolder(w.store.dir))
	}
	if err != nil {
		return fmt.Errorf("%w: writing a file: %w", ErrUnavailable, err)
	}
	return nil
}

// drop ends writing without keeping anything.
func (w *blobWriter) drop() {
	w.cancel()
	_ = w.Writer.Close() // tells that it was cancelled
}

func (b *blobs) open(ctx context.Context, id uuid.UUID) (io.ReadCloser, error) {
	r, err := b.bucket.NewReader(ctx, blobName(id), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("%w: its ciphertext is not in the blob store", ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: reading a file: %w", ErrUnavailable, err)
	}
	return r, nil
}

// remove deletes a ciphertext; one that is not there is gone already. In a folder it also deletes what a crash left of
// writing it.
func (b *blobs) remove(ctx context.Context, id uuid.UUID) error {
	if b == nil {
		return ErrNoFiles
	}
	if b.dir != "" {
		unfinished, _ := filepath.Glob(filepath.Join(b.dir, filepath.FromSlash(blobName(id))+".*.tmp")) // fails for bad patterns only
		for _, path := range unfinished {
			_ = os.Remove(path)
		}
	}
	if err := b.bucket.Delete(ctx, blobName(id)); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("%w: removing a file: %w", ErrUnavailable, err)
	}
	return nil
}
