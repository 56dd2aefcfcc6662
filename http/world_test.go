package http

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/imports"
	"github.com/kdesk/client-secrets/commands/imports/formats"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/esdb"
	"github.com/kdesk/client-secrets/http/auth"
	"github.com/kdesk/client-secrets/platform/postgres/operations"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
	"github.com/kdesk/client-secrets/projections/reveals"
	"github.com/kdesk/client-secrets/projections/secrets"
	"github.com/kdesk/client-secrets/projections/templates"
	"github.com/kdesk/client-secrets/projections/ticketpanel"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// world is the API on real backends, with the scene's workspace.
type world struct {
	*commandstest.Scene
	*Server
	issuer *issuer
	api    string // base path of the workspace
	logged *lockedBuffer
}

func newWorld(t testing.TB) *world {
	w := &world{issuer: newIssuer(t), logged: &lockedBuffer{}}
	w.settle(t, commandstest.NewScene(t))
	hasher := commands.Hasher{Key: make([]byte, 32)}
	authenticator, err := auth.New(auth.Config{Issuer: w.issuer.URL, Audience: audience, Algorithms: []string{"RS256"}, Hasher: hasher})
	require.NoError(t, err)
	pool := postgrestest.Pool(t)
	require.NoError(t, operations.Migrate(t.Context(), pool))
	logger := slog.New(slog.NewTextHandler(w.logged, nil))
	w.Server, err = New(Config{
		Workspaces: w.World.Workspaces, Members: w.World.Members, Groups: w.World.Groups, Contacts: w.World.Contacts,
		Uploads: w.World.Uploads,
		Tickets: w.World.Tickets, Templates: w.World.Templates, Secrets: w.World.Secrets, Sources: w.World.Sources, Verifications: w.World.Verifications, Invitations: w.World.Invitations, Gate: w.World.Gate, Imports: imports.New(w.World.Secrets, hasher, formats.Readers()), Index: w.Run.Index,
		Directory: directory.New(pool), TemplateQueries: templates.New(pool), SecretQueries: secrets.New(pool),
		Panels: ticketpanel.New(pool), Reveals: reveals.New(pool), Freshness: w.project(t, projections.Config{Pool: pool}),
		Idempotency: operations.NewIdempotency(pool, logger), Authenticator: authenticator, Hasher: hasher,
		WorkspaceIssuers: []string{w.issuer.URL}, LogID: "test", ServerKey: make([]byte, 32), Logger: logger,
	})
	require.NoError(t, err)
	return w
}

// settle puts the world into a scene's workspace: its members sign in by their ids.
func (w *world) settle(t testing.TB, s *commandstest.Scene) {
	w.Scene, w.api = s, workspacesPath+"/"+s.Workspace.String()
	for _, id := range []string{commandstest.Owner, commandstest.Assignee, commandstest.Other} {
		w.bind(t, id)
	}
}

// bind lets a member sign in by their id.
func (w *world) bind(t testing.TB, id string) {
	req := commands.Request{Workspace: w.Workspace, Actor: domain.Actor{Kind: domain.Operator}}
	_, err := w.World.Members.BindIdentity(t.Context(), req, id, w.issuer.URL, id)
	require.NoError(t, err)
}

// elsewhere returns the same server with another workspace, whose members have the same names.
func (w *world) elsewhere(t testing.TB) *world {
	other := *w
	other.settle(t, w.World.Scene(t))
	return &other
}

// project runs the read models until the test ends.
func (w *world) project(t testing.TB, c projections.Config) *projections.Runner {
	require.NoError(t, projections.Migrate(t.Context(), c.Pool))
	c.Log, c.Logger, c.Idle = w.Log, slog.New(slog.DiscardHandler), 20*time.Millisecond
	c.Feed = eventstore.NewFeed(eventstore.FeedConfig{Log: w.Log, Decoder: w.Codec, Logger: c.Logger})
	c.Projectors = []projections.Projector{directory.Projector{}, templates.Projector{}, secrets.Projector{}, ticketpanel.Projector{}, reveals.Projector{}}
	runner, err := projections.New(c)
	require.NoError(t, err)
	subscriber, err := esdb.NewSubscriber(esdb.SubscriberConfig{Feed: c.Feed, Checkpoints: runner.Checkpoint, Logger: c.Logger})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = c.Feed.Run(ctx) })
	running.Go(func() { _ = runner.Run(ctx, subscriber) })
	t.Cleanup(func() {
		cancel()
		_ = subscriber.Close()
		running.Wait()
	})
	head, err := w.Log.Head(t.Context())
	require.NoError(t, err)
	made, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	for _, p := range c.Projectors { // requests wait five seconds, and a busy machine may take longer to make the tables
		require.NoError(t, runner.Wait(made, p.Name(), head))
	}
	return runner
}

// answered is an answer read whole.
type answered struct {
	*nethttp.Response
	body []byte
}

func (a answered) into(t testing.TB, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, v), string(a.body))
}

func (a answered) code(t testing.TB) string {
	t.Helper()
	var p Problem
	a.into(t, &p)
	require.Equal(t, problemType, a.Header.Get("Content-Type"))
	require.Equal(t, a.StatusCode, p.Status)
	return p.Code
}

// as sends a request of a member; headers are pairs.
func (w *world) as(t testing.TB, who, method, path, body string, headers ...string) answered {
	t.Helper()
	r := httptest.NewRequest(method, path, bytes.NewBufferString(body))
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+w.issuer.token(t, who))
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.app.Test(r, -1)
	require.NoError(t, err)
	read, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answered{resp, read}
}

// settled returns a position that includes all that was done so far.
func (w *world) settled(t testing.TB) string {
	head, err := w.Log.Head(t.Context())
	require.NoError(t, err)
	return w.positions.token(uint64(head))
}

// get reads what is current as of now.
func (w *world) get(t testing.TB, who, path string) answered {
	t.Helper()
	return w.as(t, who, "GET", path, "", headerMinPosition, w.settled(t))
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// parse is into for property tests.
func (a answered) parse(t require.TestingT, v any) { require.NoError(t, json.Unmarshal(a.body, v)) }
