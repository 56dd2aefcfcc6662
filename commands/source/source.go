// Package source lets helpdesks tell a workspace's directory of tickets, of who asks and of who works on them, by webhooks.
//
// What a webhook says is believed only as far as its signature reaches, and is applied in the order of the helpdesk's own
// versions. It never reaches ownership, permissions or sign-ins. The vendors' formats are not known here: a Desk is one.
package source

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	contacts "github.com/kdesk/client-secrets/commands/contact"
	"github.com/kdesk/client-secrets/commands/live"
	members "github.com/kdesk/client-secrets/commands/member"
	tickets "github.com/kdesk/client-secrets/commands/ticket"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/source"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/vault"
)

// Desk is the format of one source.
type Desk interface {
	// Genuine tells whether a delivery was made by whoever knows the secret, not long before now. Its time does not depend
	// on where a signature is wrong.
	Genuine(d source.Delivery, secret []byte, now time.Time) bool
	// Read tells what a genuine delivery says. It fails on what is not in the source's format.
	Read(d source.Delivery) (source.Told, error)
	// CheckAccount fails if a helpdesk could or should not be asked there.
	CheckAccount(a source.Account) error
	// Look asks the helpdesk for what a delivery named. What is older than the delivery's facts may be among the answer.
	Look(ctx context.Context, a source.Account, t source.Told) ([]source.Fact, error)
}

// Vault is what the commands need of the vault.
type Vault interface {
	// Put encrypts and stores values of a subject. It is idempotent by content id.
	Put(ctx context.Context, workspace uuid.UUID, subject string, items []vault.Item) ([]vault.Sealed, error)
	// Fetch reads the ciphertext of values.
	Fetch(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]vault.Ciphertext, error)
	// Open decrypts what Fetch found.
	Open(ctx context.Context, ref vault.Ref, want vault.Sealed, ct vault.Ciphertext) (vault.Secret, error)
	// Destroy deletes a subject's key and values for ever. It is safe to repeat.
	Destroy(ctx context.Context, workspace uuid.UUID, subject string) error
}

// Commands are those of sources. Make them with New.
type Commands struct {
	Run *commands.Runner

	tickets  tickets.Commands
	contacts contacts.Commands
	members  members.Commands
	vault    Vault
	desks    map[workspace.Source]Desk
	logger   *slog.Logger
	pace     *pace
	nobody   []byte // the secret of sources that are not let in
}

// Config is what Commands are made of. All fields are required.
type Config struct {
	Run    *commands.Runner
	Hasher commands.Hasher
	Vault  Vault
	Desks  map[workspace.Source]Desk
	Logger *slog.Logger
}

// New returns the commands.
func New(c Config) Commands {
	return Commands{
		Run: c.Run, tickets: tickets.Commands{Run: c.Run}, contacts: contacts.Commands{Run: c.Run},
		members: members.Commands{Run: c.Run, Hasher: c.Hasher}, vault: c.Vault, desks: c.Desks, logger: c.Logger,
		pace: newPace(), nobody: randomSecret(),
	}
}

func aggregate(id uuid.UUID) commands.Aggregate[workspace.State] {
	return commands.Aggregate[workspace.State]{Stream: domain.Stream(domain.WorkspaceKind, id), Evolve: workspace.Evolve}
}

// configuration returns how a source is let in; false if it is not.
func (c Commands) configuration(ws uuid.UUID, name workspace.Source) (found live.Source, ok bool) {
	c.Run.Index.View(func(f live.Facts) { found, ok = f.Sources.Of(ws, name) })
	return found, ok
}

// subject names a configuration in the vault: each has a key of its own, so that it can be destroyed by itself.
func subject(id uuid.UUID) string { return domain.Stream(domain.SourceKind, id) }
