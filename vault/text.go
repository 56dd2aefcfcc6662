package vault

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// SealText encrypts a private text under the subject's key, for the log. boundTo names where it stands (for instance
// event id and field); OpenText needs the same. The result begins with the key's id and is padded like a value. The key
// is loaded or made when Keys did not do so before. ErrErased when the subject was destroyed, ErrTooLarge beyond MaxValue.
func (v *Vault) SealText(ctx context.Context, workspace uuid.UUID, subject, boundTo, plain string) ([]byte, error) {
	k, err := v.keyOf(ctx, Owner{workspace, subject}, true)
	if err != nil {
		return nil, fmt.Errorf("sealing a text of %s: %w", subject, err)
	}
	padded, err := pad(plain)
	if err != nil {
		return nil, fmt.Errorf("sealing a text of %s: %w", subject, err)
	}
	defer clear(padded)
	sealed, err := k.aead.Encrypt(padded, bind(bindText, workspace, subject, boundTo))
	if err != nil {
		return nil, fmt.Errorf("sealing a text of %s: %w", subject, err)
	}
	return sealed, nil
}

// OpenText decrypts what SealText made for the same place. ErrErased when the subject was destroyed, ErrNoKey when it
// never had a key, ErrTampered when the ciphertext or its place is not the original.
func (v *Vault) OpenText(ctx context.Context, workspace uuid.UUID, subject, boundTo string, sealed []byte) (string, error) {
	k, err := v.keyOf(ctx, Owner{workspace, subject}, false)
	if err != nil {
		return "", fmt.Errorf("opening a text of %s: %w", subject, err)
	}
	padded, err := k.aead.Decrypt(sealed, bind(bindText, workspace, subject, boundTo))
	if err != nil {
		return "", fmt.Errorf("opening a text of %s: %w: it does not decrypt here", subject, ErrTampered)
	}
	defer clear(padded)
	plain, err := unpad(padded)
	if err != nil {
		return "", fmt.Errorf("opening a text of %s: %w", subject, err)
	}
	return string(plain), nil
}
