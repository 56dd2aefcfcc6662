package workspace

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// NewAPIKey is a service account as somebody wants it.
type NewAPIKey struct {
	Name        string
	Permissions []domain.Permission
	ExpiresAt   *time.Time // nil is never
}

// IssuedAPIKey is a service account's key, which is shown this once. It prints redacted.
type IssuedAPIKey struct {
	ID  uuid.UUID
	Key string
}

// String redacts.
func (k IssuedAPIKey) String() string { return "API key " + k.ID.String() }

// GoString redacts.
func (k IssuedAPIKey) GoString() string { return k.String() }

// IssueAPIKey lets a service account in and returns its key, of which only a keyed hash is kept. Only owners may. A
// repetition is refused: the key is not shown twice. When it returns an error the key may have been issued; nobody has it.
func (c Commands) IssueAPIKey(ctx context.Context, req commands.Request, k NewAPIKey) (IssuedAPIKey, commands.Result, error) {
	if err := c.Run.AuthoriseOwner(req); err != nil {
		return IssuedAPIKey{}, commands.Result{}, err
	}
	issued := IssuedAPIKey{ID: commands.NewID(req.Command(), 0), Key: commands.NewAPIKey()}
	hash, now := c.Hasher.APIKey(issued.Key), c.Run.Now()
	// Every try is a command of its own: a repetition must not be taken for the first, which had another key.
	r, err := commands.Run(ctx, c.Run, req, uuid.New(), aggregate(req.Workspace), func(s workspace.State) ([]domain.Event, error) {
		return workspace.IssueAPIKey(s, issued.ID, k.Name, k.Permissions, hash, k.ExpiresAt, now)
	})
	if err != nil {
		return IssuedAPIKey{}, commands.Result{}, err
	}
	return issued, r, nil
}

// RevokeAPIKey shuts a service account out, at once. Only owners may.
func (c Commands) RevokeAPIKey(ctx context.Context, req commands.Request, id uuid.UUID) (commands.Result, error) {
	if err := c.Run.AuthoriseOwner(req); err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Run, req, req.Command(), aggregate(req.Workspace), func(s workspace.State) ([]domain.Event, error) {
		return workspace.RevokeAPIKey(s, id)
	})
}
