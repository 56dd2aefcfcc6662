package main

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/vault"
)

const (
	backupFormat = 1
	manifestFile = "manifest.json"
	logFile      = "log.jsonl.gz"
)

// manifest says what is in a backup. It is written last.
type manifest struct {
	Format   int          `json:"format"`
	Program  string       `json:"program"`
	Began    time.Time    `json:"began"`
	Finished time.Time    `json:"finished"`
	Log      logPart      `json:"log"`
	Vault    vault.Copied `json:"vault"`
	Gone     []uuid.UUID  `json:"gone,omitempty"` // files that were removed while the backup was made
	Files    []backupFile `json:"files"`
	Remember string       `json:"remember"`
}

const rememberRootKey = "The root key (KMS_URL) is not in this backup, and nothing in it can be read without that key: keep a copy of it apart."

// logPart says how far the event log was copied: everything up to the head, which is the last event of the product.
type logPart struct {
	Events int64               `json:"events"`
	Head   eventstore.Position `json:"head"`
	HeadID uuid.UUID           `json:"head_id"`
}

type backupFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func vaultFile(table string) string { return "vault-" + table + ".copy.gz" }

// blobFile is what a file's ciphertext is named in a backup. It is not compressed: it could not be.
func blobFile(blob uuid.UUID) string { return blobPrefix + blob.String() }

const blobPrefix = "file-"

// blobs returns the ciphertexts of files that a backup has, each with its SHA-256 in hexadecimal.
func (m manifest) blobs() map[uuid.UUID]string {
	found := map[uuid.UUID]string{}
	for _, f := range m.Files {
		if name, ok := strings.CutPrefix(f.Name, blobPrefix); ok {
			if id, err := uuid.Parse(name); err == nil {
				found[id] = f.SHA256
			}
		}
	}
	return found
}

// backupWriter writes a backup beside its place and puts it there once it is complete, so that a folder by that name is
// always a whole backup. Nobody but its owner can read it.
type backupWriter struct {
	place, dir string
	files      []backupFile
}

func newBackupWriter(place string) (*backupWriter, error) {
	if _, err := os.Lstat(place); err == nil {
		return nil, fmt.Errorf("%s is there already: give the name of a new folder", place)
	}
	parent := filepath.Dir(place)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder for the backup: %w", err)
	}
	dir, err := os.MkdirTemp(parent, "."+filepath.Base(place)+"-unfinished-") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("making the folder for the backup: %w", err)
	}
	return &backupWriter{place: place, dir: dir}, nil
}

// create begins a compressed file. It is part of the backup once it is closed.
func (w *backupWriter) create(name string) (io.WriteCloser, error) {
	f, err := w.createPlain(name)
	if err != nil {
		return nil, err
	}
	f.zip, err = gzip.NewWriterLevel(f.disk, gzip.BestSpeed)
	return f, err
}

// createPlain begins a file that is not compressed.
func (w *backupWriter) createPlain(name string) (*writtenFile, error) {
	file, err := os.OpenFile(filepath.Join(w.dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("writing the backup: %w", err)
	}
	f := &writtenFile{backup: w, name: name, file: file, sum: sha256.New()}
	f.disk = bufio.NewWriterSize(io.MultiWriter(file, f.sum, &f.bytes), 1<<20)
	return f, nil
}

type writtenFile struct {
	zip    *gzip.Writer // nil: not compressed
	backup *backupWriter
	name   string
	disk   *bufio.Writer
	file   *os.File
	sum    hash.Hash
	bytes  counter
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Write writes on.
func (f *writtenFile) Write(p []byte) (int, error) {
	if f.zip != nil {
		return f.zip.Write(p)
	}
	return f.disk.Write(p)
}

// Close waits until the file is on disk.
func (f *writtenFile) Close() error {
	var err error
	if f.zip != nil {
		err = f.zip.Close()
	}
	if err := errors.Join(err, f.disk.Flush(), f.file.Sync(), f.file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", f.name, err)
	}
	f.backup.files = append(f.backup.files, backupFile{f.name, int64(f.bytes), hex.EncodeToString(f.sum.Sum(nil))})
	return nil
}

// finish writes the manifest and puts the backup in its place. It returns the manifest's SHA-256.
func (w *backupWriter) finish(m manifest) (string, error) {
	m.Files = w.files
	encoded, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encoding the manifest: %w", err)
	}
	encoded = append(encoded, '\n')
	file, err := os.OpenFile(filepath.Join(w.dir, manifestFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("writing the manifest: %w", err)
	}
	_, err = file.Write(encoded)
	if err = errors.Join(err, file.Sync(), file.Close(), syncFolder(w.dir)); err != nil {
		return "", fmt.Errorf("writing the manifest: %w", err)
	}
	if err := os.Rename(w.dir, w.place); err != nil {
		return "", fmt.Errorf("putting the backup in its place: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:]), syncFolder(filepath.Dir(w.place))
}

// discard removes what is not finished.
func (w *backupWriter) discard() { _ = os.RemoveAll(w.dir) }

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// readManifest reads what a folder claims to hold.
func readManifest(folder string) (m manifest, err error) {
	encoded, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if err != nil {
		return m, fmt.Errorf("this is no backup: %w", err)
	}
	if err := json.Unmarshal(encoded, &m); err != nil {
		return m, fmt.Errorf("reading the manifest: %w", err)
	}
	if m.Format != backupFormat {
		return m, fmt.Errorf("the backup has format %d and this release reads format %d", m.Format, backupFormat)
	}
	known := map[string]bool{}
	for _, f := range m.Files {
		if !filepath.IsLocal(f.Name) || f.Name != filepath.Base(f.Name) {
			return m, fmt.Errorf("the manifest names a file outside the backup")
		}
		known[f.Name] = true
	}
	wanted := []string{logFile}
	for _, t := range m.Vault.Tables {
		wanted = append(wanted, vaultFile(t.Name))
	}
	for _, name := range wanted {
		if !known[name] {
			return m, fmt.Errorf("the manifest lacks the file %s", name)
		}
	}
	return m, nil
}

// verify compares every file with its size and hash. progress, an io.Writer, sees all bytes.
func (m manifest) verify(folder string, progress io.Writer) error {
	for _, f := range m.Files {
		file, err := os.Open(filepath.Join(folder, f.Name))
		if err != nil {
			return fmt.Errorf("the backup is damaged: %w", err)
		}
		sum := sha256.New()
		n, err := io.Copy(io.MultiWriter(sum, progress), file)
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("the backup is damaged: %w", err)
		}
		if n != f.Bytes || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
			return fmt.Errorf("the backup is damaged: %s is not what was written (%d bytes of %d, or another SHA-256)", f.Name, n, f.Bytes)
		}
	}
	return nil
}

// bytes is the size of all files.
func (m manifest) bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// openBackupFile reads a compressed file of a backup.
func openBackupFile(folder, name string) (io.ReadCloser, error) {
	file, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("reading the backup: %w", err)
	}
	unzipped, err := gzip.NewReader(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", name, err), file.Close())
	}
	return readFile{unzipped, file}, nil
}

type readFile struct {
	*gzip.Reader
	file *os.File
}

func (f readFile) Close() error { return errors.Join(f.Reader.Close(), f.file.Close()) }
