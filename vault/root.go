package vault

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"
)

const fileScheme = "file://"

// rootKey is the key-management service that wraps KEKs. A Keeper takes no associated data, so the binding is put in
// front of what is encrypted and compared after decryption. It implements tink.AEADWithContext.
type rootKey struct {
	keeper *secrets.Keeper
	remote bool // it is in a key service, which may be out of reach
}

// EncryptWithContext wraps plaintext and binds it to associatedData.
func (r rootKey) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	bound := make([]byte, 0, len(associatedData)+len(plaintext))
	bound = append(append(bound, associatedData...), plaintext...)
	defer clear(bound)
	ciphertext, err := r.keeper.Encrypt(ctx, bound)
	return ciphertext, r.failure(err)
}

// DecryptWithContext unwraps what EncryptWithContext wrapped, if it was bound to the same data.
func (r rootKey) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	bound, err := r.keeper.Decrypt(ctx, ciphertext)
	if err != nil {
		return nil, r.failure(err)
	}
	n := len(associatedData)
	if len(bound) < n || subtle.ConstantTimeCompare(bound[:n], associatedData) != 1 {
		return nil, fmt.Errorf("%w: a wrapped key is not where it was written", ErrTampered)
	}
	return bound[n:], nil
}

// openRoot opens the keeper that kmsURL names. Only "file://" may create a key, and only when create is set.
func openRoot(ctx context.Context, kmsURL string, create bool) (rootKey, error) {
	scheme, _, found := strings.Cut(kmsURL, "://")
	switch {
	case !found:
		return rootKey{}, fmt.Errorf("%w: KMS_URL is missing or is no URL: give file://<path> or a cloud KMS", ErrRootKey)
	case scheme == "file":
		return openFileRoot(strings.TrimPrefix(kmsURL, fileScheme), create)
	case scheme == localsecrets.Scheme:
		return rootKey{}, fmt.Errorf("%w: a key inside KMS_URL can be read in process lists: give file://<path>", ErrRootKey)
	case !secrets.DefaultURLMux().ValidKeeperScheme(scheme):
		return rootKey{}, fmt.Errorf("%w: this build knows no %s keys: build with -tags cloud", ErrRootKey, scheme)
	}
	keeper, err := secrets.OpenKeeper(ctx, kmsURL)
	if err != nil {
		return rootKey{}, fmt.Errorf("%w: opening the %s key: %w", ErrRootKey, scheme, err)
	}
	return rootKey{keeper: keeper, remote: true}, nil
}

func openFileRoot(escaped string, create bool) (rootKey, error) {
	path, err := url.PathUnescape(escaped)
	if err != nil || path == "" {
		return rootKey{}, fmt.Errorf("%w: KMS_URL names no file", ErrRootKey)
	}
	key, err := readRootFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := createRootFile(path); err != nil {
			return rootKey{}, fmt.Errorf("%w: creating %s: %w", ErrRootKey, path, err)
		}
		key, err = readRootFile(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return rootKey{}, fmt.Errorf("%w: there is no key file %s, and none may be made in its place", ErrRootKey, path)
	case err != nil:
		return rootKey{}, fmt.Errorf("%w: %w", ErrRootKey, err)
	}
	defer clear(key[:])
	return rootKey{keeper: localsecrets.NewKeeper(key)}, nil
}

// readRootFile reads 32 bytes in base64. Its errors never show the content.
func readRootFile(path string) (key [32]byte, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return key, err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return key, fmt.Errorf("the key file %s is open to everyone: chmod 600 it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return key, err
	}
	defer clear(text)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != len(key) {
		return key, fmt.Errorf("the key file %s does not hold 32 bytes in base64", path)
	}
	defer clear(raw)
	return [32]byte(raw), nil
}

// createRootFile writes a fresh key beside path and links it into place, so that a crash leaves a whole key or none.
// When another process was first, its key stays and there is no error.
func createRootFile(path string) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(folder, ".root-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	defer clear(key[:])
	_, err = tmp.WriteString(base64.StdEncoding.EncodeToString(key[:]) + "\n")
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(folder)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// CreateKeyFile makes a new root key in a file that only its owner reads. It fails if the file is there.
func CreateKeyFile(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("making a root key: %s is there already and is not replaced", path)
	}
	if err := createRootFile(path); err != nil {
		return fmt.Errorf("making a root key: %w", err)
	}
	return nil
}
