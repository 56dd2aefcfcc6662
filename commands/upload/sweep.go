package upload

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/vault"
)

const (
	sweepEvery   = time.Hour
	sweepTimeout = 10 * time.Minute
)

// Sweep removes, every hour until ctx ends, uploads that nobody used within a day and what interrupted ones left.
func (c Commands) Sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		switch removed, err := c.SweepOnce(ctx); {
		case err != nil && ctx.Err() == nil:
			c.Logger.WarnContext(ctx, "sweeping uploads failed", "err", err)
		case removed > 0:
			c.Logger.InfoContext(ctx, "swept uploads that nobody used", "count", removed)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// SweepOnce does so now, once this process has met all that the log has. A log that is behind what the vault has seen is an
// error, and nothing is removed.
func (c Commands) SweepOnce(ctx context.Context) (removed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	head, err := c.Run.Log.Head(ctx)
	if err != nil {
		return 0, err
	}
	if err := c.Run.Index.Wait(ctx, head); err != nil {
		return 0, err
	}
	removed, err = c.Vault.SweepFiles(ctx, uint64(head), c.named)
	if errors.Is(err, vault.ErrNoFiles) { // no files can be kept here, and none are left
		return removed, nil
	}
	return removed, err
}

// named tells whether the log has a file as a version of a secret's field.
func (c Commands) named(ref vault.Ref, content uuid.UUID) (found bool) {
	secret, err := domain.StreamID(ref.Subject)
	if err != nil {
		return false
	}
	c.Run.Index.View(func(f live.Facts) {
		has, _, ok := f.Contents.Of(secret, ref.Field, ref.Version)
		found = ok && has.ID == content
	})
	return found
}
