package secret

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/secret"
)

// PlaceHold puts a secret under legal hold.
func (c Commands) PlaceHold(ctx context.Context, req commands.Request, id uuid.UUID, reason string) (commands.Result, error) {
	return c.decide(ctx, req, access.Manage, id, func(s secret.State) ([]domain.Event, error) { return secret.PlaceHold(s, reason) })
}

// ReleaseHold ends that.
func (c Commands) ReleaseHold(ctx context.Context, req commands.Request, id uuid.UUID, reason string) (commands.Result, error) {
	return c.decide(ctx, req, access.Manage, id, func(s secret.State) ([]domain.Event, error) { return secret.ReleaseHold(s, reason) })
}

// Destroy records that a secret is to be destroyed: from then on nobody is shown anything of it, whether its key is deleted
// already or not. CompleteDestruction does that. confirm is the secret's name.
func (c Commands) Destroy(ctx context.Context, req commands.Request, id uuid.UUID, confirm string) (commands.Result, error) {
	result, err := c.decide(ctx, req, access.Manage, id, func(s secret.State) ([]domain.Event, error) {
		return secret.RequestDestruction(s, confirm)
	})
	if errors.Is(err, commands.ErrDestroyed) {
		if first, done, e := commands.Repeated(ctx, c.Run, req, req.Command(), aggregate(id)); done || e != nil {
			return first, e
		}
	}
	return result, err
}

// CompleteDestruction deletes the key and the ciphertexts of a secret whose destruction was requested, then records that.
// It is safe to repeat, on any instance: a crash in between leaves a request that is completed later. An event that
// requests no destruction is left alone.
func (c Commands) CompleteDestruction(ctx context.Context, e domain.Recorded) error {
	if _, ok := e.Event.(secret.DestroyRequested); !ok {
		return nil
	}
	id, err := domain.StreamID(e.Stream)
	if err != nil {
		return err
	}
	if err := c.Vault.Destroy(ctx, e.Meta.Workspace, e.Stream); err != nil {
		return fmt.Errorf("deleting a secret's key: %w", err)
	}
	req := commands.Request{Workspace: e.Meta.Workspace, Actor: domain.Actor{Kind: domain.System}, Correlation: e.Meta.Correlation}
	_, err = commands.Run(ctx, c.Run, req, uuid.NewSHA1(e.ID, []byte("destroyed")), aggregate(id), func(s secret.State) ([]domain.Event, error) {
		return secret.CompleteDestruction(s, c.Run.Now().Add(c.KeyBackups))
	})
	return err
}
