package main

import (
	"context"
	"log/slog"

	"github.com/kdesk/client-secrets/commands/reactions"
	"github.com/kdesk/client-secrets/platform/postgres/operations"
)

// newReactions returns what is done outside after something was recorded.
func (p *product) newReactions(logger *slog.Logger, more ...reactions.Reaction) (*reactions.Runner, error) {
	return reactions.New(reactions.Config{
		Feed: p.feed, Log: p.log, Checkpoints: operations.NewReactions(p.pool), Holder: p.holder, Logger: logger,
		Reactions: append(more, reactions.Destruction{Secrets: p.commands.secrets, Logger: logger},
			reactions.Erasure{Erasure: p.commands.erasure, Logger: logger},
			reactions.Sources{Sources: p.commands.sources, Logger: logger}),
	})
}

// forgetKeys drops from memory the keys that another instance has destroyed.
func (p *product) forgetKeys(ctx context.Context) error {
	return reactions.Forget(ctx, p.feed, p.started, p.vault)
}
