package http

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/reactions"
	"github.com/kdesk/client-secrets/domain/verification"
	"github.com/kdesk/client-secrets/platform/mail"
	"github.com/kdesk/client-secrets/platform/postgres/operations"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

type realMail struct{ *mail.Sender }

func (s realMail) Send(ctx context.Context, m reactions.Mail) error {
	return s.Sender.Send(ctx, mail.Message(m))
}

// withMail makes codes be mailed by SMTP to an inbox, and verification be required.
func (w *world) withMail(t *testing.T) *mail.Inbox {
	inbox, err := mail.StartInbox(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	sender, err := mail.NewSender(inbox.URL())
	require.NoError(t, err)
	pool := postgrestest.Pool(t)
	require.NoError(t, operations.Migrate(t.Context(), pool))
	logger := slog.New(slog.NewTextHandler(w.logged, nil))
	runner, err := reactions.New(reactions.Config{
		Feed: w.Feed, Log: w.Log, Checkpoints: operations.NewReactions(pool), Logger: logger,
		Reactions: []reactions.Reaction{reactions.Codes{Run: w.Run, Codes: w.World.Verifications.Codes, Mailer: realMail{sender}, Logger: logger}},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = runner.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		require.NoError(t, inbox.Close())
	})
	set := w.as(t, owner, "PATCH", w.api+"/settings", `{"reveal_verification":{"required":true,"unlock_minutes":10}}`)
	require.Equal(t, 200, set.StatusCode, string(set.body))
	w.address(t, "agent@example.com")
	return inbox
}

func (w *world) address(t *testing.T, email string) {
	set := w.as(t, owner, "PATCH", w.api+"/members/"+agent, `{"email":"`+email+`"}`)
	require.Equal(t, 200, set.StatusCode, string(set.body))
}

var sixDigits = regexp.MustCompile(`(?m)^    (\d{6})$`)

// newest waits for the n-th mail and returns the code in it.
func newest(t *testing.T, inbox *mail.Inbox, n int) string {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		next := inbox.Next()
		if got := inbox.Mails(); len(got) >= n {
			found := sixDigits.FindStringSubmatch(got[0].Text)
			require.NotNil(t, found, got[0].Text)
			return found[1]
		}
		select {
		case <-next:
		case <-deadline:
			require.FailNow(t, "no mail came")
		}
	}
}

// session sends requests with one token: a sign-in of its own.
type session struct {
	*world
	token string
}

var signIns atomic.Int32 // tokens that expire at different times are different

func (w *world) signIn(t *testing.T, who string) session {
	return session{w, w.issuer.tokenUntil(t, who, time.Now().Add(time.Hour+time.Duration(signIns.Add(1))*time.Second))}
}

func (s session) send(t *testing.T, method, path, body string, headers ...string) answered {
	return s.as(t, "", method, s.api+path, body, append(headers, "Authorization", "Bearer "+s.token)...)
}

func (s session) reveal(t *testing.T) answered {
	return s.send(t, "POST", "/secrets/"+s.Secret.String()+"/fields/api_key/reveal", `{"reason":"r"}`)
}

func (s session) state(t *testing.T) (v Verification) {
	got := s.send(t, "GET", "/reveal-verification", "")
	require.Equal(t, 200, got.StatusCode, string(got.body))
	got.into(t, &v)
	return v
}

func (s session) request(t *testing.T) CodeSent {
	t.Helper()
	got := s.send(t, "POST", "/reveal-verifications", "")
	require.Equal(t, 202, got.StatusCode, string(got.body))
	require.NotEmpty(t, got.Header.Get(headerPosition))
	var sent CodeSent
	got.into(t, &sent)
	return sent
}

func (s session) confirm(t *testing.T, sent CodeSent, code string) answered {
	return s.send(t, "POST", "/reveal-verifications/"+sent.ID.String()+"/confirm", `{"code":"`+code+`"}`)
}

func other6(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func TestACodeFromTheMailUnlocksTheSession(t *testing.T) {
	w := newWorld(t)
	inbox := w.withMail(t)
	first, second := w.signIn(t, agent), w.signIn(t, agent)
	require.Equal(t, "verification_required", first.reveal(t).code(t))
	require.Equal(t, Verification{Required: true}, first.state(t))

	sent := first.request(t)
	assert.Equal(t, "a•••@example.com", sent.SentTo)
	code := newest(t, inbox, 1)
	wrong := first.confirm(t, sent, other6(code))
	require.Equal(t, 422, wrong.StatusCode)
	var p Problem
	wrong.into(t, &p)
	require.Equal(t, "wrong_code", p.Code)
	require.Equal(t, 4, *p.AttemptsLeft)
	for body, want := range map[string]string{`{"code":"12"}`: "malformed_code", `{}`: "field_required", `{"code":123456}`: "wrong_type"} {
		got := first.send(t, "POST", "/reveal-verifications/"+sent.ID.String()+"/confirm", body)
		require.Equal(t, want, got.code(t))
	}
	require.Equal(t, "challenge_not_found", second.confirm(t, sent, code).code(t))

	done := first.confirm(t, sent, code[:3]+" "+code[3:])
	require.Equal(t, 200, done.StatusCode, string(done.body))
	var unlocked Unlocked
	done.into(t, &unlocked)
	assert.WithinDuration(t, time.Now().Add(10*time.Minute), unlocked.UnlockedUntil, time.Minute)
	require.Equal(t, unlocked.UnlockedUntil, *first.state(t).UnlockedUntil)
	require.Nil(t, second.state(t).UnlockedUntil)
	panel := first.send(t, "GET", "/tickets/"+commandstest.Ticket+"/panel", "")
	require.Contains(t, string(panel.body), `"unlocked_until":"`)
	require.Equal(t, 200, first.reveal(t).StatusCode)
	require.Equal(t, 428, second.reveal(t).StatusCode)

	locked := first.send(t, "DELETE", "/reveal-verification", "")
	require.Equal(t, 200, locked.StatusCode, string(locked.body))
	require.Nil(t, first.state(t).UnlockedUntil)
	require.Equal(t, 428, first.reveal(t).StatusCode)

	metrics, err := w.app.Test(httptest.NewRequest("GET", "/metrics", nil), -1)
	require.NoError(t, err)
	counted, err := io.ReadAll(metrics.Body)
	require.NoError(t, err)
	for _, place := range []string{w.logged.String(), string(counted), string(wrong.body)} {
		assert.NotRegexp(t, `\b`+code+`\b`, place) // longer numbers have the digits by chance
		assert.NotContains(t, place, sent.ID.String())
	}
}

func TestGuessingEnds(t *testing.T) {
	w := newWorld(t)
	inbox := w.withMail(t)
	s := w.signIn(t, agent)
	for round := range 2 {
		sent := s.request(t)
		code := newest(t, inbox, round+1)
		for left := 4; left >= 0; left-- {
			got := s.confirm(t, sent, other6(code))
			require.Contains(t, string(got.body), fmt.Sprintf(`"attempts_left":%d`, left))
		}
		got := s.confirm(t, sent, code)
		require.Equal(t, 429, got.StatusCode)
		require.Equal(t, "too_many_attempts", got.code(t))
		require.NotEmpty(t, got.Header.Get("Retry-After"))
	}
	got := s.send(t, "POST", "/reveal-verifications", "")
	require.Equal(t, "too_many_attempts", got.code(t))
	wait := got.Header.Get("Retry-After")
	require.Regexp(t, `^3[56]\d\d$`, wait)
}

func TestAnotherAddressLocks(t *testing.T) {
	w := newWorld(t)
	inbox := w.withMail(t)
	s := w.signIn(t, agent)
	sent := s.request(t)
	require.Equal(t, 200, s.confirm(t, sent, newest(t, inbox, 1)).StatusCode)
	require.Equal(t, 200, s.reveal(t).StatusCode)
	w.address(t, "new@example.com")
	require.Equal(t, 428, s.reveal(t).StatusCode)
	require.Nil(t, s.state(t).UnlockedUntil)
	held := s.send(t, "POST", "/reveal-verifications", "")
	require.Equal(t, 409, held.StatusCode)
	require.Equal(t, "verification_held", held.code(t))
	require.Regexp(t, `^86[34]\d\d$`, held.Header.Get("Retry-After"), "a day")
	w.address(t, "")
	require.Equal(t, "no_email_address", s.send(t, "POST", "/reveal-verifications", "").code(t))
}

func TestARepeatedRequestForACodeSendsOne(t *testing.T) {
	w := newWorld(t)
	inbox := w.withMail(t)
	s := w.signIn(t, agent)
	one := s.send(t, "POST", "/reveal-verifications", "", "Idempotency-Key", "k")
	two := s.send(t, "POST", "/reveal-verifications", "", "Idempotency-Key", "k")
	require.Equal(t, 202, two.StatusCode, string(two.body))
	require.JSONEq(t, string(one.body), string(two.body))
	var sent CodeSent
	one.into(t, &sent)
	code := newest(t, inbox, 1)
	for range 2 {
		path := "/reveal-verifications/" + sent.ID.String() + "/confirm"
		got := s.send(t, "POST", path, `{"code":"`+code+`"}`, "Idempotency-Key", "c")
		require.Equal(t, 200, got.StatusCode, string(got.body))
	}
	s.request(t)
	newest(t, inbox, 2)
	require.Len(t, inbox.Mails(), 2)
}

func TestWithoutAMailServerNoCodeIsPromised(t *testing.T) {
	w := newWorld(t)
	w.withMail(t)
	w.Server.Verifications.Mails = false
	got := w.signIn(t, agent).send(t, "POST", "/reveal-verifications", "")
	require.Equal(t, 503, got.StatusCode)
	require.Equal(t, "mail_unavailable", got.code(t))
	for _, r := range w.Stored(t) {
		require.NotEqual(t, verification.Requested{}.EventType(), r.Type)
	}
}

func TestTheInboxIsForThisMachine(t *testing.T) {
	w := newWorld(t)
	get := func(w *world, host, path string) answered {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = host
		resp, err := w.app.Test(r, -1)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return answered{resp, body}
	}
	require.Equal(t, 404, get(w, "localhost", "/dev/inbox").StatusCode, "there is none unless it is given")
	c := w.Server.Config
	c.Inbox = func() []InboxMail {
		return []InboxMail{{To: []string{"a@example.com"}, Subject: "<b>s", Text: "    123456\n"}}
	}
	var err error
	w.Server, err = New(c)
	require.NoError(t, err)
	page := get(w, "127.0.0.1:8080", "/dev/inbox")
	require.Equal(t, 200, page.StatusCode)
	require.Contains(t, string(page.body), "&lt;b&gt;s")
	require.True(t, strings.HasPrefix(page.Header.Get("Content-Security-Policy"), "default-src 'none'"))
	require.Contains(t, string(get(w, "[::1]:8080", "/dev/inbox.json").body), `"text":"    123456\n"`)
	require.Equal(t, 404, get(w, "evil.example", "/dev/inbox").StatusCode)
	require.Equal(t, 404, get(w, "evil.example:8080", "/dev/inbox.json").StatusCode)
}
