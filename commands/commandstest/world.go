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

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/commands/reveal"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	templates "github.com/kdesk/client-secrets/commands/template"
	tickets "github.com/kdesk/client-secrets/commands/ticket"
	workspaces "github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/storetest"
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
	Tickets    tickets.Commands
	Templates  templates.Commands
	Secrets    secrets.Commands
}

// Log is the real log with a place to act just before an append.
type Log struct {
	eventstore.Log
	mu     sync.Mutex
	before func(stream string)
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
	l.mu.Unlock()
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
	ctx := t.Context()
	v, err := vault.Open(ctx, vault.Config{
		Pool: postgrestest.Pool(t), KMSURL: "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "root.key")), CreateKey: true,
	})
	require.NoError(t, err)
	server := storetest.Start(t)
	w := &World{Server: server, Log: &Log{Log: server.Log(t)}, Vault: &Vault{Vault: v}, Codec: &eventstore.Codec{Keys: v}}
	w.Run = &commands.Runner{Log: w.Log, Codec: w.Codec, Index: live.New(), Now: func() time.Time { return time.Now().UTC() }}
	w.Gate = reveal.NewGate(w.Run, w.Vault, slog.New(slog.DiscardHandler))
	hasher := commands.Hasher{Key: make([]byte, 32)}
	w.Workspaces = workspaces.Commands{Run: w.Run, Hasher: hasher}
	w.Members = members.Commands{Run: w.Run, Hasher: hasher}
	w.Tickets = tickets.Commands{Run: w.Run}
	w.Templates = templates.Commands{Run: w.Run}
	w.Secrets = secrets.Commands{Run: w.Run, Vault: v}
	w.start(t)
	return w
}

type reader struct{ *eventstore.Reader }

func (r reader) Next(ctx context.Context) (eventstore.Batch, error) {
	return r.Reader.Next(ctx, 1024, 0)
}

// start runs the subscription, the index and the gate until the test ends.
func (w *World) start(t testing.TB) {
	feed := eventstore.NewFeed(eventstore.FeedConfig{Log: w.Log, Decoder: w.Codec, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{feed.Run, w.Gate.Run, func(ctx context.Context) error {
		return w.Run.Index.Run(ctx, reader{feed.Reader(eventstore.Start, eventstore.Filter{})})
	}} {
		running.Go(func() {
			if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("running the world: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// Scene is a workspace with a secret that is linked to a ticket, whose assignee may see it by a rule.
type Scene struct {
	*World
	Workspace uuid.UUID
	Secret    uuid.UUID
}

// Names in a Scene.
const (
	Owner    = "test:owner"
	Assignee = "test:assignee"
	Other    = "test:other"
	Ticket   = "test:ticket"
	Value    = "needle-in-the-haystack"
)

// NewScene returns a scene in a world of its own. The secret has a sensitive field "api_key" that holds Value, and an
// optional one "note" without a value.
func NewScene(t testing.TB) *Scene {
	s := &Scene{World: New(t)}
	ctx := t.Context()
	opened, err := s.Workspaces.Open(ctx, commands.Request{Actor: domain.Actor{Kind: domain.Operator}}, "Test", workspaces.Founder{
		Profile: member.Profile{ID: Owner, Name: "Owner", Active: true},
	})
	require.NoError(t, err)
	s.Workspace = opened.ID
	s.Settings(t, func(c *workspace.SettingsChanged) { c.Enabled = new(true) })
	for _, id := range []string{Assignee, Other} {
		_, err = s.Members.Sync(ctx, s.By(Owner), member.Profile{ID: id, Name: id, Active: true})
		require.NoError(t, err)
		_, err = s.Members.SetPermissions(ctx, s.By(Owner), id, []domain.Permission{domain.SecretsView, domain.SecretsReveal})
		require.NoError(t, err)
	}
	s.Assign(t, Assignee)
	made, err := s.Templates.Create(ctx, s.By(Owner), template.Definition{Name: "Tenant", Fields: []template.Field{
		{Key: "api_key", Label: domain.NewPrivate("API key"), Type: template.Text, Required: true, Sensitive: true},
		{Key: "note", Label: domain.NewPrivate("Note"), Type: template.Message},
	}})
	require.NoError(t, err)
	result, err := s.Secrets.Create(ctx, s.By(Owner), secrets.Draft{
		Template: made.ID, Name: "Tenant", Fields: map[string]string{"api_key": Value}, Tickets: []string{Ticket},
		Rules: []secret.Rule{{Kind: secret.TicketAssignee}},
	})
	require.NoError(t, err)
	s.Secret = result.ID
	return s
}

// By returns a request of a member.
func (s *Scene) By(id string) commands.Request {
	return commands.Request{Workspace: s.Workspace, Actor: domain.Actor{Kind: domain.Member, ID: id, Session: "session"}}
}

// Assign gives the ticket to a member.
func (s *Scene) Assign(t testing.TB, id string) {
	_, err := s.Tickets.Sync(context.Background(), s.By(Owner), ticket.Facts{ID: Ticket, Subject: "Help", Status: ticket.Open, Assignees: []string{id}})
	require.NoError(t, err)
}

// Settings changes settings.
func (s *Scene) Settings(t testing.TB, change func(*workspace.SettingsChanged)) {
	var c workspace.SettingsChanged
	change(&c)
	_, err := s.Workspaces.ChangeSettings(context.Background(), s.By(Owner), c)
	require.NoError(t, err)
}

// Reveals returns what the log holds of reveals, oldest first.
func (s *Scene) Reveals(t testing.TB) []domain.Recorded {
	var records []eventstore.Record
	for r, err := range s.Log.ReadStream(context.Background(), domain.Stream(domain.RevealsKind, s.Workspace), 0) {
		if errors.Is(err, eventstore.ErrStreamNotFound) {
			return nil
		}
		require.NoError(t, err)
		records = append(records, r)
	}
	events, err := s.Codec.Decode(context.Background(), records)
	require.NoError(t, err)
	return events
}
