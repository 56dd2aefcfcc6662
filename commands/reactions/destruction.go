package reactions

import (
	"context"
	"log/slog"

	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
)

// Destruction deletes the keys and ciphertexts of secrets whose destruction was requested. All fields are required.
type Destruction struct {
	Secrets secrets.Commands
	Logger  *slog.Logger
}

// Name is that of its checkpoint.
func (Destruction) Name() string { return "destroy-secrets" }

// Kinds are those it reads.
func (Destruction) Kinds() []string { return []string{domain.SecretKind} }

// React completes a requested destruction. It tries until that is done: nothing else would.
func (d Destruction) React(ctx context.Context, e domain.Recorded) {
	if _, ok := e.Event.(secret.DestroyRequested); !ok {
		return
	}
	untilDone(ctx, func() error {
		err := d.Secrets.CompleteDestruction(ctx, e)
		if err != nil && ctx.Err() == nil {
			d.Logger.ErrorContext(ctx, "a secret is not destroyed yet", "stream", e.Stream, "err", err)
		}
		return err
	})
}

// untilDone repeats something until it succeeds or ctx ends.
func untilDone(ctx context.Context, do func() error) {
	for wait := firstRetry; do() != nil && sleep(ctx, wait); wait = min(2*wait, retryAtMost) {
		continue
	}
}
