package reactions

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/source"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/eventstore"
)

// Forgetful is a vault that keeps keys in memory.
type Forgetful interface {
	// Forget drops what is in memory of a subject.
	Forget(workspace uuid.UUID, subject string)
}

// Forget makes this instance forget the keys that another one has destroyed, until ctx ends. Unlike a reaction, every
// instance does so, from the position at which it started: before that it had nothing in memory.
func Forget(ctx context.Context, feed *eventstore.Feed, from eventstore.Position, vault Forgetful) error {
	reader := feed.Reader(from, eventstore.Filter{StreamPrefixes: []string{domain.SecretKind + "-", domain.MemberKind + "-", domain.ContactKind + "-",
		domain.WorkspaceKind + "-"}})
	for {
		batch, err := reader.Next(ctx, 0, 0)
		if err != nil {
			return fmt.Errorf("reading which keys were destroyed: %w", err)
		}
		for i := range batch.Events {
			switch e := &batch.Events[i]; e.Event.(type) {
			case secret.Destroyed, member.Erased, contact.Erased:
				vault.Forget(e.Meta.Workspace, e.Stream)
			case workspace.SourceConfigured, workspace.SourceRemoved:
				vault.Forget(e.Meta.Workspace, domain.Stream(domain.SourceKind, source.Ended(e.Event)))
			}
		}
	}
}
