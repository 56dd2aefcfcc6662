package projections_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/esdb"
	"github.com/kdesk/client-secrets/eventstore/storetest"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// patience bounds what a test waits for.
const patience = 20 * time.Second

// world is a log, a database and a feed, all real.
type world struct {
	ctx   context.Context
	log   eventstore.Log
	codec *eventstore.Codec
	feed  *eventstore.Feed
	pool  *pgxpool.Pool
	ws    uuid.UUID
}

func newWorld(t testing.TB) *world {
	ctx, cancel := context.WithCancel(context.Background())
	codec := &eventstore.Codec{Keys: keyring{}}
	w := &world{ctx: ctx, log: storetest.Open(t), codec: codec, pool: postgrestest.Pool(t), ws: uuid.New()}
	w.feed = eventstore.NewFeed(eventstore.FeedConfig{Log: w.log, Decoder: codec, Window: 64})
	require.NoError(t, projections.Migrate(ctx, w.pool))
	ended := make(chan error, 1)
	go func() { ended <- w.feed.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	w.append(t, domain.Stream(domain.WorkspaceKind, w.ws), workspace.Opened{Name: domain.NewPrivate("Acme"), Owner: "zd:0"})
	return w
}

// append records events and returns the position of the last.
func (w *world) append(t testing.TB, stream string, events ...domain.Event) eventstore.Position {
	t.Helper()
	meta := domain.Meta{Workspace: w.ws, Actor: domain.Actor{Kind: domain.System}, Command: uuid.New()}
	proposed, err := w.codec.Encode(w.ctx, stream, meta, events)
	require.NoError(t, err)
	appended, err := w.log.Append(w.ctx, stream, eventstore.AnyRevision(), proposed)
	require.NoError(t, err)
	return appended.Position
}

// member records a member and returns the position.
func (w *world) member(t testing.TB, n int) eventstore.Position {
	id := fmt.Sprintf("zd:%d", n)
	return w.append(t, domain.DirectoryStream(w.ws, domain.MemberKind, id), member.Synced{ID: id, Incarnation: 1, Active: true,
		Name: domain.NewPrivate(fmt.Sprintf("Member %d", n)), Email: domain.NewPrivate(id + "@example.com")})
}

// runner is an instance that can be stopped.
type runner struct {
	*projections.Runner
	stop func()     // and wait until it has ended
	done chan error // what Run returned
}

// lease is renewed within a third of it, also on a busy machine.
const lease = 3 * time.Second

func (w *world) config(holder string, projectors ...projections.Projector) projections.Config {
	return projections.Config{Pool: w.pool, Log: w.log, Feed: w.feed, Projectors: projectors, Holder: holder,
		Lease: lease, Idle: 50 * time.Millisecond, Backoff: 20 * time.Millisecond, RebuildBatch: 100,
		Logger: slog.New(slog.DiscardHandler)}
}

func (w *world) start(t testing.TB, config projections.Config) *runner {
	t.Helper()
	r, err := projections.New(config)
	require.NoError(t, err)
	subscriber, err := esdb.NewSubscriber(esdb.SubscriberConfig{Feed: w.feed, Checkpoints: r.Checkpoint, Logger: config.Logger})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(w.ctx)
	run := &runner{Runner: r, done: make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run.done <- r.Run(ctx, subscriber)
		_ = subscriber.Close()
	}()
	run.stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(run.stop)
	return run
}

func (r *runner) wait(t testing.TB, name string, position eventstore.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, r.Wait(ctx, name, position))
}

// leader waits until somebody of whom ok holds leads the first projection, and returns its status.
func (r *runner) leader(t testing.TB, ok func(projections.Status) bool) (status projections.Status) {
	t.Helper()
	require.Eventually(t, func() bool {
		all, err := r.Status(context.Background())
		require.NoError(t, err)
		status = all[0]
		return ok(status)
	}, patience, 10*time.Millisecond)
	return status
}

func ledBy(holder string) func(projections.Status) bool {
	return func(s projections.Status) bool { return s.Leader == holder }
}

// keyring seals under keys that follow from the subject's name: enough to make and read private text in tests.
type keyring struct{}

func (keyring) LoadKeys(context.Context, uuid.UUID, []string, bool) error { return nil }

func (keyring) SealText(_ context.Context, _ uuid.UUID, subject string, aad []byte, text string) ([]byte, error) {
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce)
	return gcm(subject).Seal(nonce, nonce, []byte(text), aad), nil
}

func (keyring) OpenText(_ context.Context, _ uuid.UUID, subject string, aad, sealed []byte) (string, bool, error) {
	text, err := gcm(subject).Open(nil, sealed[:12], sealed[12:], aad)
	return string(text), false, err
}

func gcm(subject string) cipher.AEAD {
	key := sha256.Sum256([]byte(subject))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// tally counts members. Its hook can make it wait or fail; its version can be raised.
type tally struct {
	version int
	hook    func(domain.Recorded) error
}

func (tally) Name() string { return "tally" }

func (tally) Schema() string {
	return "CREATE TABLE seen (position bigint PRIMARY KEY, id text NOT NULL);"
}

func (p tally) Version() int { return p.version }

func (tally) Kinds() []string { return []string{domain.MemberKind} }

func (p tally) Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	for _, e := range events {
		if p.hook != nil {
			if err := p.hook(e); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "INSERT INTO seen VALUES ($1, $2) ON CONFLICT DO NOTHING", int64(e.Position), e.Event.(member.Synced).ID)
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) seen(t testing.TB) (ids []string) {
	t.Helper()
	rows, err := w.pool.Query(w.ctx, "SELECT id FROM tally.seen ORDER BY position")
	require.NoError(t, err)
	ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return ids
}
