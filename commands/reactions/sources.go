package reactions

import (
	"context"
	"log/slog"

	"github.com/kdesk/client-secrets/commands/source"
	"github.com/kdesk/client-secrets/domain"
)

// Sources destroys the credentials of helpdesks that were replaced or removed. All fields are required.
type Sources struct {
	Sources source.Commands
	Logger  *slog.Logger
}

// Name is that of its checkpoint.
func (Sources) Name() string { return "forget-sources" }

// Kinds are those it reads.
func (Sources) Kinds() []string { return []string{domain.WorkspaceKind} }

// React destroys what an event ended. It tries until that is done: nothing else would.
func (r Sources) React(ctx context.Context, e domain.Recorded) {
	untilDone(ctx, func() error {
		err := r.Sources.Forget(ctx, e)
		if err != nil && ctx.Err() == nil {
			r.Logger.ErrorContext(ctx, "a source's credentials are not destroyed yet", "stream", e.Stream, "err", err)
		}
		return err
	})
}
