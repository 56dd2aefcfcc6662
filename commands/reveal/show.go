package reveal

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/vault"
)

// Shown is the current value of a field that is not sensitive, of a secret that the caller may see.
type Shown struct {
	Secret  uuid.UUID
	Field   string
	Version int
	Content secret.Content
}

// Show returns the values of fields that are not sensitive, by content id. Such values are part of what the members who
// may see a secret see of it; sensitive ones only ever leave through Reveal. A value that is gone is left out.
func (g *Gate) Show(ctx context.Context, workspace uuid.UUID, shown []Shown) (map[uuid.UUID]string, error) {
	if len(shown) == 0 {
		return nil, nil
	}
	ids := make([]uuid.UUID, len(shown))
	for i, s := range shown {
		ids[i] = s.Content.ID
	}
	found, err := g.vault.Fetch(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("fetching values: %w", err)
	}
	values := make(map[uuid.UUID]string, len(found))
	for _, s := range shown {
		ct, ok := found[s.Content.ID]
		if !ok {
			continue
		}
		ref := vault.Ref{Workspace: workspace, Subject: domain.Stream(domain.SecretKind, s.Secret), Field: s.Field, Version: s.Version}
		value, err := g.vault.Open(ctx, ref, sealedOf(s.Content), ct)
		if errors.Is(err, vault.ErrErased) {
			continue // destroyed at this moment
		}
		if err != nil {
			return nil, fmt.Errorf("opening a value: %w", err)
		}
		values[s.Content.ID] = string(value)
		value.Clear()
	}
	return values, nil
}
