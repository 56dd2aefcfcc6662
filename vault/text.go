package vault

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// SealText encrypts a private text under the subject's key, for the log. boundTo names where it stands (for instance
// event id and field); OpenText needs the same. The result begins with the key's id and is padded like a value. The key
// is loaded or made when LoadKeys did not do so before. ErrErased when the subject was destroyed, ErrTooLarge beyond MaxValue.
func (v *Vault) SealText(ctx context.Context, workspace uuid.UUID, subject string, boundTo []byte, plain string) ([]byte, error) {
	k, err := v.keyOf(ctx, Owner{workspace, subject}, true)
	if err != nil {
		return nil, fmt.Errorf("sealing a text of %s: %w", subject, err)
	}
	padded, err := pad(plain)
	if err != nil {
		return nil, fmt.Errorf("sealing a text of %s: %w", subject, err)
	}
	defer clear(padded)
	sealed, err := k.aead.Encrypt(padded, bind(bindText, workspace, subject, string(boundTo)))
	if err != nil {
		return nil, fmt.Errorf("sealing a text of %s: %w", subject, err)
	}
	return sealed, nil
}

// OpenText decrypts what SealText made for the same place. erased tells that the subject was destroyed: that is no error.
// ErrNoKey when the subject never had a key, ErrTampered when the ciphertext or its place is not the original.
func (v *Vault) OpenText(ctx context.Context, workspace uuid.UUID, subject string, boundTo, sealed []byte) (text string, erased bool, err error) {
	k, err := v.keyOf(ctx, Owner{workspace, subject}, false)
	if errors.Is(err, ErrErased) {
		return "", true, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("opening a text of %s: %w", subject, err)
	}
	padded, err := k.aead.Decrypt(sealed, bind(bindText, workspace, subject, string(boundTo)))
	if err != nil {
		return "", false, fmt.Errorf("opening a text of %s: %w: it does not decrypt here", subject, ErrTampered)
	}
	defer clear(padded)
	plain, err := unpad(padded)
	if err != nil {
		return "", false, fmt.Errorf("opening a text of %s: %w", subject, err)
	}
	return string(plain), false, nil
}
