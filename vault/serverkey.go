package vault

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/google/uuid"
)

const serverKeyBytes = 32

// ServerKey returns the installation's own key with a name, 32 random bytes, for keyed hashes. It is made when first
// asked for and stays the same for all instances. The vault stores it wrapped by the root key.
func (v *Vault) ServerKey(ctx context.Context, name string) ([]byte, error) {
	place := "server-key/" + name
	bound := bind(bindKEK, uuid.Nil, place)
	fresh := make([]byte, serverKeyBytes)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("making the server key %s: %w", name, err)
	}
	wrapped, err := v.root.EncryptWithContext(ctx, fresh, bound)
	if err != nil {
		return nil, fmt.Errorf("wrapping the server key %s: %w", name, err)
	}
	stored, err := storeMeta(ctx, v.pool, place, wrapped)
	if err != nil {
		return nil, err
	}
	key, err := v.root.DecryptWithContext(ctx, stored, bound)
	if err != nil {
		return nil, fmt.Errorf("unwrapping the server key %s: %w", name, err)
	}
	return key, nil
}
