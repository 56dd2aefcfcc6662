package reactions_test

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/reactions"
	codes "github.com/kdesk/client-secrets/commands/verification"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/verification"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/platform/mail"
	"github.com/kdesk/client-secrets/platform/postgres/operations"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const sam = commandstest.Assignee

// sender is the real one, as cmd wires it.
type sender struct{ *mail.Sender }

func (s sender) Send(ctx context.Context, m reactions.Mail) error {
	return s.Sender.Send(ctx, mail.Message(m))
}

type scene struct {
	*commandstest.Scene
	t      *testing.T
	pool   *pgxpool.Pool
	inbox  *mail.Inbox
	logged *lockedBuffer
}

func newScene(t *testing.T) scene {
	s := scene{Scene: commandstest.NewScene(t), t: t, pool: postgrestest.Pool(t), logged: &lockedBuffer{}}
	require.NoError(t, operations.Migrate(t.Context(), s.pool))
	var err error
	s.inbox, err = mail.StartInbox(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.inbox.Close()) })
	s.Settings(t, func(c *workspace.SettingsChanged) {
		c.RevealVerification = &workspace.Verification{Required: true, UnlockMinutes: 15}
	})
	s.address("sam@example.com")
	return s
}

func (s scene) address(email string) {
	_, err := s.Members.Sync(context.Background(), s.By(commandstest.Owner), member.Profile{ID: sam, Name: "Sam Agent", Email: email, Active: true})
	require.NoError(s.t, err)
}

// mailing runs the reaction that mails codes on a process until the returned function is called.
func (s scene) mailing(w *commandstest.World) (stop func()) {
	return s.reacting(w, func(m reactions.Mailer, l *slog.Logger) reactions.Reaction {
		return reactions.Codes{Run: w.Run, Codes: w.Verifications.Codes, Mailer: m, Logger: l}
	})
}

// reacting runs a reaction that mails on a process until the returned function is called.
func (s scene) reacting(w *commandstest.World, reaction func(reactions.Mailer, *slog.Logger) reactions.Reaction) (stop func()) {
	logger := slog.New(slog.NewTextHandler(s.logged, nil))
	to, err := mail.NewSender(s.inbox.URL())
	require.NoError(s.t, err)
	runner, err := reactions.New(reactions.Config{
		Feed: w.Feed, Log: w.Log, Checkpoints: operations.NewReactions(s.pool), Logger: logger,
		Reactions: []reactions.Reaction{reaction(sender{to}, logger)},
	})
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { assert.ErrorIs(s.t, runner.Run(ctx), context.Canceled) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	s.t.Cleanup(stop)
	return stop
}

func (s scene) request() uuid.UUID {
	made, err := s.Verifications.Request(s.t.Context(), s.By(sam))
	require.NoError(s.t, err)
	return made.Challenge
}

// await waits until there are mails.
func (s scene) await(n int) []mail.Received {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		next := s.inbox.Next()
		if got := s.inbox.Mails(); len(got) >= n {
			return got
		}
		select {
		case <-next:
		case <-deadline:
			require.FailNow(s.t, "no mail came")
		}
	}
}

func (s scene) history() []domain.Recorded {
	return s.Events(s.t, domain.DirectoryStream(s.Workspace, domain.VerificationKind, sam))
}

// outcome waits for an event of a type about a challenge.
func outcome[E domain.Event](s scene, about func(E) bool) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		for _, e := range s.history() {
			if is, ok := e.Event.(E); ok && about(is) {
				return true
			}
		}
		return false
	}, 20*time.Second, 20*time.Millisecond)
}

func (s scene) awaitSent(challenge uuid.UUID) {
	s.t.Helper()
	outcome(s, func(e verification.CodeSent) bool { return e.Challenge == challenge })
}

var sixDigits = regexp.MustCompile(`(?m)^    (\d{6})$`)

func codeIn(t *testing.T, m mail.Received) codes.Code {
	t.Helper()
	found := sixDigits.FindStringSubmatch(m.Text)
	require.NotNil(t, found, m.Text)
	return codes.Code(found[1])
}

func TestACodeComesByMailAndUnlocks(t *testing.T) {
	s := newScene(t)
	s.mailing(s.World)
	challenge := s.request()
	got := s.await(1)[0]
	assert.Equal(t, []string{"sam@example.com"}, got.To)
	assert.Contains(t, got.Text, "Hello Sam Agent,")
	assert.NotRegexp(t, `\d{3}`, got.Subject)
	code := codeIn(t, got)
	s.awaitSent(challenge)
	_, err := s.Verifications.Confirm(t.Context(), s.By(sam), challenge, code)
	require.NoError(t, err)
	for _, r := range s.Stored(t) {
		assert.NotContains(t, string(r.Data)+string(r.Metadata), `"`+string(code)+`"`)
	}
	assert.NotRegexp(t, `\b`+string(code)+`\b`, s.logged.String()) // ids have the digits by chance
	assert.NotContains(t, s.logged.String(), "sam@example.com")
}

func TestAnotherProcessGoesOnWhereOneStopped(t *testing.T) {
	s := newScene(t)
	stop := s.mailing(s.World)
	first := s.request()
	s.await(1)
	s.awaitSent(first)
	stop()
	second := s.request() // nobody mails now
	stop = s.mailing(s.Again(t))
	s.awaitSent(second)
	assert.Len(t, s.inbox.Mails(), 2, "what was sent is not sent again")
	stop()

	_, err := s.pool.Exec(t.Context(), "DELETE FROM operations.reactions") // even if the checkpoint is lost
	require.NoError(t, err)
	s.mailing(s.Again(t))
	third := s.request()
	s.awaitSent(third)
	assert.Len(t, s.inbox.Mails(), 3)
}

// ending is a mail server that takes a mail just before the process ends.
type ending struct{ reactions.Mailer }

func (e ending) Send(ctx context.Context, m reactions.Mail) error {
	err := e.Mailer.Send(ctx, m)
	<-ctx.Done()
	return err
}

func TestWhatWasSentIsOnRecordThoughTheProcessEnds(t *testing.T) {
	s := newScene(t)
	stop := s.reacting(s.World, func(m reactions.Mailer, l *slog.Logger) reactions.Reaction {
		return reactions.Codes{Run: s.Run, Codes: s.Verifications.Codes, Mailer: ending{m}, Logger: l}
	})
	challenge := s.request()
	s.await(1)
	stop()
	s.awaitSent(challenge)
}

func TestTwoInstancesSendOnce(t *testing.T) {
	s := newScene(t)
	s.mailing(s.World)
	s.mailing(s.Again(t))
	for n := range 5 {
		challenge := s.request()
		s.awaitSent(challenge)
		assert.Len(t, s.inbox.Mails(), n+1)
	}
}

func TestAMailServerThatIsAwayForAMoment(t *testing.T) {
	s := newScene(t)
	s.inbox.Refuse(451)
	s.mailing(s.World)
	challenge := s.request()
	require.Eventually(t, func() bool { return strings.Contains(s.logged.String(), "refused the recipient (451)") }, 20*time.Second, 10*time.Millisecond)
	s.inbox.Refuse(0)
	s.awaitSent(challenge)
	assert.Len(t, s.inbox.Mails(), 1)
}

func TestAnAddressThatIsRefusedHoldsNobodyUp(t *testing.T) {
	s := newScene(t)
	s.inbox.Refuse(550)
	s.mailing(s.World)
	refused := s.request()
	outcome(s, func(e verification.Ended) bool {
		return e.Challenge == refused && e.Reason == verification.Undeliverable
	})
	s.inbox.Refuse(0)
	s.awaitSent(s.request())
}

func TestACodeDoesNotFollowAnAddress(t *testing.T) {
	s := newScene(t)
	s.request()
	s.address("somebody@else.example")
	_, err := s.Verifications.Request(t.Context(), s.By(sam))
	require.ErrorIs(t, err, verification.ErrHeld)
	stop := s.mailing(s.World)
	s.followed("mail-codes")
	stop()
	assert.Empty(t, s.inbox.Mails())
}

// followed waits until a reaction has followed the log to its end.
func (s scene) followed(reaction string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		var at int64
		err := s.pool.QueryRow(s.t.Context(), "SELECT position FROM operations.reactions WHERE name = $1", reaction).Scan(&at)
		head, headErr := s.Log.Head(s.t.Context())
		return errors.Join(err, headErr) == nil && at == int64(head)
	}, 20*time.Second, 20*time.Millisecond)
}

// late is a process whose clock is past every expiry.
func late(w *commandstest.World) *commandstest.World {
	run := commands.Runner{Log: w.Log, Codec: w.Codec, Index: w.Run.Index, Now: func() time.Time { return time.Now().Add(11 * time.Minute) }}
	w.Run = &run
	return w
}

func TestAnExpiredCodeIsNotSent(t *testing.T) {
	s := newScene(t)
	s.request()
	stop := s.mailing(late(s.Again(t)))
	s.followed("mail-codes")
	stop()
	assert.Empty(t, s.inbox.Mails())
}

type lockedBuffer struct {
	mu sync.Mutex
	strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.String()
}
