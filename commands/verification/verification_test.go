package verification_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/commands/reveal"
	codes "github.com/kdesk/client-secrets/commands/verification"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/verification"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const sam = commandstest.Assignee

type scene struct {
	*commandstest.Scene
	t *testing.T
}

// newScene is a workspace that asks for codes, in which sam has an address.
func newScene(t *testing.T) scene {
	s := scene{commandstest.NewScene(t), t}
	s.Settings(t, func(c *workspace.SettingsChanged) {
		c.RevealVerification = &workspace.Verification{Required: true, UnlockMinutes: 15}
	})
	s.address("sam@example.com")
	return s
}

func (s scene) address(email string) {
	_, err := s.Members.Sync(context.Background(), s.By(commandstest.Owner), member.Profile{ID: sam, Name: "Sam", Email: email, Active: true})
	require.NoError(s.t, err)
}

// in returns a request of sam's in a session.
func (s scene) in(session string) commands.Request {
	req := s.By(sam)
	req.Actor.Session = session
	return req
}

func (s scene) reveal(session string) error {
	_, err := s.Gate.Reveal(s.t.Context(), s.in(session), reveal.Ask{Secret: s.Secret, Field: "api_key"})
	return err
}

func (s scene) request(session string) uuid.UUID {
	s.t.Helper()
	made, err := s.Verifications.Request(s.t.Context(), s.in(session))
	require.NoError(s.t, err)
	return made.Challenge
}

// code is the right one, as the mailer knows it.
func (s scene) code(challenge uuid.UUID) codes.Code {
	state, err := commands.Load(s.t.Context(), s.Run, s.Workspace, codes.Aggregate(s.Workspace, sam))
	require.NoError(s.t, err)
	made, ok := state.Find(challenge)
	require.True(s.t, ok)
	code, err := s.Verifications.Codes.Of(s.t.Context(), s.Workspace, sam, challenge, made.KeyID)
	require.NoError(s.t, err)
	return code
}

// wrong is none of these challenges' code.
func (s scene) wrong(challenge uuid.UUID) codes.Code {
	if s.code(challenge) == "000000" {
		return "000001"
	}
	return "000000"
}

func (s scene) confirm(session string, challenge uuid.UUID, code codes.Code) error {
	_, err := s.Verifications.Confirm(s.t.Context(), s.in(session), challenge, code)
	return err
}

func (s scene) history() []domain.Recorded {
	return s.Events(s.t, domain.DirectoryStream(s.Workspace, domain.VerificationKind, sam))
}

func (s scene) attempts() (n int) {
	for _, e := range s.history() {
		if _, ok := e.Event.(verification.Attempted); ok {
			n++
		}
	}
	return n
}

func refused(t *testing.T, err error, kind domain.Kind, code string) *domain.Error {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	assert.Equal(t, kind, e.Kind)
	return e
}

func locked(t *testing.T, err error) {
	t.Helper()
	refused(t, err, domain.Required, "verification_required")
}

func TestACodeUnlocksItsSession(t *testing.T) {
	s := newScene(t)
	locked(t, s.reveal("s1"))
	made, err := s.Verifications.Request(t.Context(), s.in("s1"))
	require.NoError(t, err)
	assert.Equal(t, "s•••@example.com", made.SentTo)
	assert.WithinDuration(t, time.Now().Add(10*time.Minute), made.ExpiresAt, time.Minute)

	refused(t, s.confirm("s2", made.Challenge, s.code(made.Challenge)), domain.NotFound, "challenge_not_found")
	unlocked, err := s.Verifications.Confirm(t.Context(), s.in("s1"), made.Challenge, s.code(made.Challenge))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(15*time.Minute), unlocked.Until, time.Minute)
	require.NoError(t, s.reveal("s1"))
	locked(t, s.reveal("s2"))

	again, err := s.Verifications.Confirm(t.Context(), s.in("s1"), made.Challenge, s.code(made.Challenge))
	require.NoError(t, err, "an answer that was lost is given again")
	assert.Equal(t, unlocked.Until, again.Until)
	refused(t, s.confirm("s1", made.Challenge, s.wrong(made.Challenge)), domain.Conflict, "challenge_ended")

	_, err = s.Verifications.Lock(t.Context(), s.in("s2"))
	require.NoError(t, err)
	require.NoError(t, s.reveal("s1"), "another session locks itself only")
	_, err = s.Verifications.Lock(t.Context(), s.in("s1"))
	require.NoError(t, err)
	locked(t, s.reveal("s1"))
	refused(t, s.confirm("s1", made.Challenge, s.code(made.Challenge)), domain.Conflict, "challenge_ended")
	for _, r := range s.Stored(t) {
		assert.NotRegexp(t, `\b`+string(s.code(made.Challenge))+`\b`, string(r.Data)) // ids and times have the digits by chance
	}
}

func TestWrongCodesAreCounted(t *testing.T) {
	s := newScene(t)
	guess := func(challenge uuid.UUID, left ...int) {
		for _, want := range left {
			err := s.confirm("s", challenge, s.wrong(challenge))
			refused(t, err, domain.Invalid, "wrong_code")
			var wrong *codes.WrongCode
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, want, wrong.TriesLeft)
		}
	}
	first := s.request("s")
	guess(first, 4, 3, 2, 1, 0)
	refused(t, s.confirm("s", first, s.code(first)), domain.TooMany, "too_many_attempts")
	second := s.request("s")
	refused(t, s.confirm("s", first, s.code(first)), domain.TooMany, "too_many_attempts")
	guess(second, 4, 3)
	third := s.request("s")
	refused(t, s.confirm("s", second, s.code(second)), domain.Conflict, "challenge_ended")
	guess(third, 2, 1, 0)
	e := refused(t, s.confirm("s", third, s.code(third)), domain.TooMany, "too_many_attempts")
	assert.InDelta(t, time.Hour, e.Wait, float64(time.Minute))
	_, err := s.Verifications.Request(t.Context(), s.in("s"))
	refused(t, err, domain.TooMany, "too_many_attempts")
	assert.Equal(t, 10, s.attempts())
	locked(t, s.reveal("s"))
}

func TestGuessingInParallelStaysWithinTheBudget(t *testing.T) {
	s := newScene(t)
	here, there := s.Verifications, s.Again(t).Verifications
	compared := 0
	for range 3 {
		challenge := s.request("s")
		wrong := s.wrong(challenge)
		outcomes := make(chan error, 60)
		var all sync.WaitGroup
		for n := range cap(outcomes) {
			all.Go(func() {
				instance := here
				if n%2 == 0 {
					instance = there
				}
				req := s.in("s")
				req.Key = fmt.Sprint(n % 7) // repeating a request is no way around either
				_, err := instance.Confirm(t.Context(), req, challenge, wrong)
				outcomes <- err
			})
		}
		all.Wait()
		close(outcomes)
		ofThis := 0
		for err := range outcomes {
			var wrong *codes.WrongCode
			var e *domain.Error
			switch {
			case errors.As(err, &wrong):
				ofThis++
			case !errors.As(err, &e) || e.Kind != domain.TooMany && e.Code != "busy":
				assert.NoError(t, err)
			}
		}
		assert.LessOrEqual(t, ofThis, 5)
		compared += ofThis
		if compared >= 10 {
			break
		}
	}
	assert.LessOrEqual(t, compared, 10)
	assert.Equal(t, s.attempts(), compared, "every comparison is on record")
}

func TestOneKeyDoesNotGiveManyGuesses(t *testing.T) {
	s := newScene(t)
	challenge := s.request("s")
	req := s.in("s")
	req.Key = "the same"
	for range 5 {
		_, err := s.Verifications.Confirm(t.Context(), req, challenge, s.wrong(challenge))
		refused(t, err, domain.Invalid, "wrong_code")
	}
	_, err := s.Verifications.Confirm(t.Context(), req, challenge, s.code(challenge))
	refused(t, err, domain.TooMany, "too_many_attempts")
}

func TestARepeatedRequestIsTheSame(t *testing.T) {
	s := newScene(t)
	req := s.in("s")
	req.Key = "k"
	first, err := s.Verifications.Request(t.Context(), req)
	require.NoError(t, err)
	second, err := s.Verifications.Request(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, first, second)
	req.Actor.Session = "another"
	third, err := s.Verifications.Request(t.Context(), req)
	require.NoError(t, err)
	assert.NotEqual(t, first.Challenge, third.Challenge, "a code is for one session")
	for range 3 {
		s.request("s")
	}
	_, err = s.Verifications.Request(t.Context(), s.in("s"))
	e := refused(t, err, domain.TooMany, "too_many_codes")
	assert.InDelta(t, 15*time.Minute, e.Wait, float64(time.Minute))
}

func TestAnotherAddressEndsEverything(t *testing.T) {
	s := newScene(t)
	first := s.request("s1")
	require.NoError(t, s.confirm("s1", first, s.code(first)))
	pending := s.request("s2")
	s.address("somebody@else.example")
	locked(t, s.reveal("s1"))
	refused(t, s.confirm("s2", pending, s.code(pending)), domain.Conflict, "challenge_ended")
	events := s.history()
	assert.Equal(t, verification.Withdrawn, events[len(events)-1].Event.(verification.Ended).Reason)
	locked(t, s.reveal("s2"))
	s.address("sam@example.com")
	locked(t, s.reveal("s1"))
	_, err := s.Verifications.Request(t.Context(), s.in("s1"))
	refused(t, err, domain.Conflict, "verification_held")
	var held *domain.Error
	require.ErrorAs(t, err, &held)
	assert.InDelta(t, access.AddressHold, held.Wait, float64(time.Minute))
}

// An instance that does not know of a new address yet asks for a code: it is on record, and neither sent nor worth anything.
func TestACodeAskedForWhileAnotherInstanceChangesTheAddress(t *testing.T) {
	s := newScene(t)
	elsewhere := s.Again(t)
	s.Log.BeforeAppend(domain.DirectoryStream(s.Workspace, domain.VerificationKind, sam), func() {
		_, err := elsewhere.Members.Patch(t.Context(), s.By(commandstest.Owner), sam, members.Change{Email: new("new@example.com")})
		require.NoError(t, err)
	})
	challenge := s.request("s")
	refused(t, s.confirm("s", challenge, s.code(challenge)), domain.Conflict, "challenge_ended")
	locked(t, s.reveal("s"))
}

func TestAnAddressThatChangesMeanwhileWins(t *testing.T) {
	stream := func(s scene) string { return domain.DirectoryStream(s.Workspace, domain.VerificationKind, sam) }
	t.Run("before the try", func(t *testing.T) {
		s := newScene(t)
		challenge := s.request("s")
		s.Log.BeforeAppend(stream(s), func() { s.address("new@example.com") })
		refused(t, s.confirm("s", challenge, s.code(challenge)), domain.Conflict, "challenge_ended")
		locked(t, s.reveal("s"))
	})
	t.Run("between the comparison and the unlock", func(t *testing.T) {
		s := newScene(t)
		challenge := s.request("s")
		s.Log.BeforeAppend(stream(s), func() {
			s.Log.BeforeAppend(stream(s), func() { s.address("new@example.com") })
		})
		refused(t, s.confirm("s", challenge, s.code(challenge)), domain.Conflict, "challenge_ended")
		events := s.history()
		assert.IsType(t, verification.Unlocked{}, events[len(events)-1].Event, "it is on record and worth nothing")
		locked(t, s.reveal("s"))
	})
}

func TestARestartBetweenRequestAndConfirm(t *testing.T) {
	s := newScene(t)
	challenge := s.request("s")
	code := s.code(challenge)
	s.Stop()
	next := s.Again(t)
	unlocked, err := next.Verifications.Confirm(t.Context(), s.in("s"), challenge, code)
	require.NoError(t, err)
	_, err = next.Gate.Reveal(t.Context(), s.in("s"), reveal.Ask{Secret: s.Secret, Field: "api_key"})
	require.NoError(t, err)
	third := next.Again(t)
	again, err := third.Verifications.Confirm(t.Context(), s.in("s"), challenge, code)
	require.NoError(t, err)
	assert.Equal(t, unlocked.Until, again.Until)
}

func TestWhoHasNothingToUnlock(t *testing.T) {
	s := newScene(t)
	ask := func(req commands.Request) error {
		_, err := s.Verifications.Request(t.Context(), req)
		return err
	}
	other := s.By(commandstest.Other)
	refused(t, ask(other), domain.Conflict, "no_email_address")
	refused(t, ask(s.By("test:stranger")), domain.NotFound, "not_found")
	service := other
	service.Actor = domain.Actor{Kind: domain.Service, ID: uuid.NewString(), Session: "s"}
	refused(t, ask(service), domain.Forbidden, "service_account")
	_, err := s.Verifications.Confirm(t.Context(), service, uuid.New(), "123456")
	refused(t, err, domain.Forbidden, "service_account")
	refused(t, ask(s.in("")), domain.Forbidden, "no_session")
	refused(t, s.confirm("s", uuid.New(), "123456"), domain.NotFound, "challenge_not_found")

	s.Verifications.Mails = false
	refused(t, ask(s.in("s")), domain.Unavailable, "mail_unavailable")
	s.Verifications.Mails = true
	s.Settings(t, func(c *workspace.SettingsChanged) { c.RevealVerification = &workspace.Verification{UnlockMinutes: 15} })
	refused(t, ask(s.in("s")), domain.Conflict, "verification_not_required")
	s.Settings(t, func(c *workspace.SettingsChanged) { c.Enabled = new(false) })
	refused(t, ask(s.in("s")), domain.Forbidden, "module_off")
	_, err = s.Members.SetPermissions(t.Context(), s.By(commandstest.Owner), sam, []domain.Permission{domain.SecretsView})
	require.NoError(t, err)
	refused(t, ask(s.in("s")), domain.Forbidden, "permission_missing")
}

func TestWithoutTheVaultNoTryIsSpent(t *testing.T) {
	s := newScene(t)
	challenge := s.request("s")
	next := s.Again(t) // knows no key yet
	next.CutDatabase()
	_, err := next.Verifications.Confirm(t.Context(), s.in("s"), challenge, "123456")
	refused(t, err, domain.Unavailable, "vault_unavailable")
	assert.Zero(t, s.attempts())
}
