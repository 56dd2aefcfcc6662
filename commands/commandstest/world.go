// Package commandstest gives tests of commands the real thing to run on: an embedded event log behind its adapter, a
// vault in Postgres, the subscription and the access index; and a small workspace to act in.
package commandstest

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	contacts "github.com/kdesk/client-secrets/commands/contact"
	groups "github.com/kdesk/client-secrets/commands/group"
	invitations "github.com/kdesk/client-secrets/commands/invitation"
	"github.com/kdesk/client-secrets/commands/live"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/commands/reveal"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	sources "github.com/kdesk/client-secrets/commands/source"
	templates "github.com/kdesk/client-secrets/commands/template"
	tickets "github.com/kdesk/client-secrets/commands/ticket"
	"github.com/kdesk/client-secrets/commands/upload"
	verifications "github.com/kdesk/client-secrets/commands/verification"
	workspaces "github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/storetest"
	"github.com/kdesk/client-secrets/platform/helpdesk"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/vault"
)

// World is everything that commands run on.
type World struct {
	Server *storetest.Server
	Log    *Log
	Vault  *Vault
	Codec  *eventstore.Codec
	Run    *commands.Runner
	Gate   *reveal.Gate

	Workspaces workspaces.Commands
	Members    members.Commands
	Groups     groups.Commands
	Contacts   contacts.Commands
	Tickets    tickets.Commands
	Templates  templates.Commands
	Secrets    secrets.Commands
	Sources    sources.Commands
	Uploads    upload.Commands

	Verifications verifications.Commands
	Invitations   invitations.Commands
	Feed          *eventstore.Feed

	vault vault.Config
	stop  func()
}

// Log is the real log with a place to act just before an append.
type Log struct {
	eventstore.Log
	mu     sync.Mutex
	before func(stream string)
	full   bool
}

// Fill makes every append fail as on a full disk; see eventstore/embedded for the real one.
func (l *Log) Fill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = true
}

// BeforeAppend calls act once, just before the next append to a stream.
func (l *Log) BeforeAppend(stream string, act func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = func(s string) {
		if s == stream {
			l.before = nil
			l.mu.Unlock()
			defer l.mu.Lock()
			act()
		}
	}
}

// Append does what was asked for before it, then appends.
func (l *Log) Append(ctx context.Context, stream string, expected eventstore.Expected, events []eventstore.Proposed) (eventstore.Appended, error) {
	l.mu.Lock()
	if l.before != nil {
		l.before(stream)
	}
	full := l.full
	l.mu.Unlock()
	if full {
		return eventstore.Appended{}, eventstore.ErrFull
	}
	return l.Log.Append(ctx, stream, expected, events)
}

// Vault is the real vault that counts how often something was decrypted.
type Vault struct {
	*vault.Vault
	mu     sync.Mutex
	opened int
}

// Open counts and decrypts.
func (v *Vault) Open(ctx context.Context, ref vault.Ref, want vault.Sealed, ct vault.Ciphertext) (vault.Secret, error) {
	v.mu.Lock()
	v.opened++
	v.mu.Unlock()
	return v.Vault.Open(ctx, ref, want, ct)
}

// Opened tells how often something was decrypted.
func (v *Vault) Opened() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.opened
}

// New returns a world that ends with the test.
func New(t testing.TB) *World {
	dir := t.TempDir()
	return join(t, storetest.Start(t), vault.Config{
		Pool: postgrestest.Pool(t), KMSURL: "file://" + filepath.ToSlash(filepath.Join(dir, "root.key")), CreateKey: true,
		BlobURL: "file://" + filepath.ToSlash(filepath.Join(dir, "files")),
	})
}

// Again returns another process on the same log and vault, with nothing in memory: what a crash leaves, or a second
// instance. It has caught up with the log.
func (w *World) Again(t testing.TB) *World {
	head, err := w.Log.Head(t.Context())
	require.NoError(t, err)
	other := join(t, w.Server, w.vault)
	require.NoError(t, other.Run.Index.Wait(t.Context(), head))
	return other
}

func join(t testing.TB, server *storetest.Server, c vault.Config) *World {
	v, err := vault.Open(t.Context(), c)
	require.NoError(t, err)
	w := &World{Server: server, Log: &Log{Log: server.Log(t)}, Vault: &Vault{Vault: v}, Codec: &eventstore.Codec{Keys: v}, vault: c}
	w.Run = &commands.Runner{Log: w.Log, Codec: w.Codec, Index: live.New(), Now: func() time.Time { return time.Now().UTC() }}
	w.Gate = reveal.NewGate(w.Run, w.Vault, slog.New(slog.DiscardHandler))
	hasher := commands.Hasher{Key: make([]byte, 32)}
	w.Workspaces = workspaces.Commands{Run: w.Run, Hasher: hasher}
	w.Members = members.Commands{Run: w.Run, Hasher: hasher}
	w.Groups = groups.Commands{Run: w.Run}
	w.Contacts = contacts.Commands{Run: w.Run}
	w.Tickets = tickets.Commands{Run: w.Run}
	w.Templates = templates.Commands{Run: w.Run}
	local := helpdesk.NewClient(helpdesk.ClientConfig{Local: true})
	w.Sources = sources.New(sources.Config{Run: w.Run, Hasher: hasher, Vault: v, Logger: slog.New(slog.DiscardHandler), Desks: map[workspace.Source]sources.Desk{
		workspace.Zendesk: helpdesk.Zendesk{Client: local}, workspace.Zammad: helpdesk.Zammad{Client: local},
		workspace.Freshdesk: helpdesk.Freshdesk{Client: local},
	}})
	w.Secrets = secrets.Commands{Run: w.Run, Vault: v}
	w.Uploads = upload.Commands{Run: w.Run, Vault: v, Logger: slog.New(slog.DiscardHandler)}
	w.Verifications = verifications.Commands{Run: w.Run, Codes: verifications.NewCodes(v), Mails: true}
	w.Invitations = invitations.Commands{Members: w.Members, Tokens: invitations.NewTokens(v), Mails: true}
	w.start(t)
	return w
}

// Stop ends the subscription, the index and the gate, as the end of the process does. The log stays.
func (w *World) Stop() { w.stop() }

// CutDatabase ends the vault's connections for good.
func (w *World) CutDatabase() { w.vault.Pool.Close() }

type reader struct{ *eventstore.Reader }

func (r reader) Next(ctx context.Context) (eventstore.Batch, error) {
	return r.Reader.Next(ctx, 1024, 0)
}

// start runs the subscription, the index and the gate until the test ends.
func (w *World) start(t testing.TB) {
	w.Feed = eventstore.NewFeed(eventstore.FeedConfig{Log: w.Log, Decoder: w.Codec, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{w.Feed.Run, w.Gate.Run, func(ctx context.Context) error {
		return w.Run.Index.Run(ctx, reader{w.Feed.Reader(eventstore.Start, eventstore.Filter{})})
	}} {
		running.Go(func() {
			if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("running the world: %v", err)
			}
		})
	}
	w.stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(w.stop)
}
