// Package secret carries out the commands of secrets. Values go to the vault before the log hears of them: a crash in
// between leaves a ciphertext that nothing names, never a name without a value.
package secret

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/vault"
)

// Vault is what the commands need of the vault.
type Vault interface {
	// Put encrypts and stores values of a subject. It is idempotent by content id.
	Put(ctx context.Context, workspace uuid.UUID, subject string, items []vault.Item) ([]vault.Sealed, error)
	// Fetch and Open decrypt: for what the product has to know of a value by itself. Nothing is shown to anybody.
	Fetch(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]vault.Ciphertext, error)
	Open(ctx context.Context, ref vault.Ref, want vault.Sealed, ct vault.Ciphertext) (vault.Secret, error)
	// Attach puts an upload into a secret. It is safe to repeat by the same command.
	Attach(ctx context.Context, a vault.Attachment) (vault.Attached, error)
	// Release gives back what a try of a command attached; Settle tells that the log has it.
	Release(ctx context.Context, workspace, command, try uuid.UUID) error
	Settle(ctx context.Context, workspace, command uuid.UUID, position uint64) error
	// Destroy deletes a subject's key, values and files for ever. It is safe to repeat.
	Destroy(ctx context.Context, workspace uuid.UUID, subject string) error
}

// Commands are those of secrets.
type Commands struct {
	Run   *commands.Runner
	Vault Vault
	// KeyBackups is how long backups of the vault's keys are kept: until then what was destroyed could be brought back
	// from one. Zero means that there are none.
	KeyBackups time.Duration
}

// Aggregate returns how a secret is found and folded.
func Aggregate(id uuid.UUID) commands.Aggregate[secret.State] { return aggregate(id) }

func aggregate(id uuid.UUID) commands.Aggregate[secret.State] {
	return commands.Aggregate[secret.State]{Stream: domain.Stream(domain.SecretKind, id), Evolve: secret.Evolve}
}

// decide carries out a command that needs no more than the actor's right to act on the secret.
func (c Commands) decide(ctx context.Context, req commands.Request, action access.Action, id uuid.UUID, decide func(secret.State) ([]domain.Event, error)) (commands.Result, error) {
	if err := c.Run.AuthoriseSecret(req, action, id); err != nil {
		return commands.Result{}, err
	}
	return commands.Run(ctx, c.Run, req, req.Command(), aggregate(id), decide)
}

// put stores values as version-bound ciphertexts of a secret and returns what the log records of each.
func (c Commands) put(ctx context.Context, workspace, id uuid.UUID, items []vault.Item) ([]secret.Content, error) {
	if len(items) == 0 {
		return nil, nil
	}
	defer func() {
		for _, item := range items {
			item.Plain.Clear()
		}
	}()
	sealed, err := c.Vault.Put(ctx, workspace, domain.Stream(domain.SecretKind, id), items)
	if err != nil {
		return nil, unstored(err)
	}
	contents := make([]secret.Content, len(sealed))
	for i, s := range sealed {
		contents[i] = contentOf(s)
	}
	return contents, nil
}

func contentOf(s vault.Sealed) secret.Content {
	return secret.Content{ID: s.ContentID, KeyID: s.KeyID, Alg: s.Alg, SHA256: s.SHA256[:]}
}

var errKeyReused = domain.Refuse(domain.Conflict, "idempotency_key_reused", "this Idempotency-Key was used with another value")

// unstored says what it means for the caller that the vault did not take a value.
func unstored(err error) error {
	if errors.Is(err, vault.ErrConflict) { // content ids come from the key: its first try was refused after it had stored a value
		return errors.Join(errKeyReused, err)
	}
	return err
}
