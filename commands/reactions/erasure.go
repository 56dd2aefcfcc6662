package reactions

import (
	"context"
	"log/slog"

	"github.com/kdesk/client-secrets/commands/erasure"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/member"
)

// Erasure destroys the keys of members and contacts whose erasure was requested, if whoever requested it did not get to
// that. All fields are required.
type Erasure struct {
	Erasure erasure.Commands
	Logger  *slog.Logger
}

// Name is that of its checkpoint.
func (Erasure) Name() string { return "erase-people" }

// Kinds are those it reads.
func (Erasure) Kinds() []string { return []string{domain.MemberKind, domain.ContactKind} }

// React completes a requested erasure. It tries until that is done: nothing else would.
func (r Erasure) React(ctx context.Context, e domain.Recorded) {
	switch e.Event.(type) {
	case member.EraseRequested, contact.EraseRequested:
	default:
		return
	}
	untilDone(ctx, func() error {
		err := r.Erasure.Complete(ctx, e)
		if err != nil && ctx.Err() == nil {
			r.Logger.ErrorContext(ctx, "somebody is not erased yet", "stream", e.Stream, "err", err)
		}
		return err
	})
}
