package reveal

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/vault"
)

// Downloaded is a file on its way out: its bytes are decrypted as they are read. The caller closes it.
type Downloaded struct {
	*vault.OpenFile
	ValueVersion int
	Receipt      Receipt
}

// Download is Reveal for a field of type file. ctx must live as long as the file is read. Nothing of it is decrypted before
// its record was decided upon; reading fails once it turns out not to be the file that the log names.
func (g *Gate) Download(ctx context.Context, req commands.Request, ask Ask) (Downloaded, error) {
	ask.file = true
	deciding, cancel := context.WithTimeout(ctx, revealTimeout)
	defer cancel()
	var fetched <-chan result[vault.StoredFile]
	outcome, err := g.pass(deciding, req, ask, func(content uuid.UUID) {
		fetched = meanwhile(func() (vault.StoredFile, error) { return g.vault.FetchFile(deciding, content) })
	})
	if err != nil {
		return Downloaded{}, err
	}
	stored := <-fetched
	if stored.err != nil {
		return Downloaded{}, stored.err
	}
	file, err := g.vault.Decrypt(ctx, ask.ref(req.Workspace, outcome.version), sealedOf(outcome.content), stored.got)
	if err != nil {
		return Downloaded{}, fmt.Errorf("opening a file: %w", err)
	}
	return Downloaded{file, outcome.version, outcome.receipt(req.Actor.ID)}, nil
}

// Describe returns what files are, by content id, of secrets that the caller may see. One that is gone is left out.
func (g *Gate) Describe(ctx context.Context, workspace uuid.UUID, shown []Shown) (map[uuid.UUID]vault.About, error) {
	if len(shown) == 0 {
		return nil, nil
	}
	refs := make(map[uuid.UUID]vault.Ref, len(shown))
	for _, s := range shown {
		refs[s.Content.ID] = vault.Ref{
			Workspace: workspace, Subject: domain.Stream(domain.SecretKind, s.Secret), Field: s.Field, Version: s.Version,
		}
	}
	about, err := g.vault.Describe(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("describing files: %w", err)
	}
	return about, nil
}
