package oidc

import (
	"crypto/rand"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	maxAttempts   = 1000 // sign-ins under way, and codes not yet exchanged; beyond, the oldest is forgotten
	loginLifetime = 10 * time.Minute
	codeLifetime  = time.Minute
)

// attempt is an authorization request that waits for a person to be chosen.
type attempt struct {
	browser     string // value of the cookie of the browser that asked
	redirectURI string
	state       string
	nonce       string
	scopes      []string
	challenge   string // PKCE, S256
	until       time.Time
}

// grant is what a code stands for.
type grant struct {
	attempt
	session session
}

// attempts holds sign-ins under way, in bounded memory.
type attempts struct {
	logins *lru.Cache[string, attempt]
	codes  *lru.Cache[string, grant]
	now    func() time.Time
}

func newAttempts() (*attempts, error) {
	logins, err := lru.New[string, attempt](maxAttempts)
	if err != nil {
		return nil, fmt.Errorf("making room for sign-ins: %w", err)
	}
	codes, err := lru.New[string, grant](maxAttempts)
	if err != nil {
		return nil, fmt.Errorf("making room for codes: %w", err)
	}
	return &attempts{logins: logins, codes: codes, now: time.Now}, nil
}

// begin keeps an attempt and names it.
func (a *attempts) begin(at attempt) string {
	id := rand.Text()
	at.until = a.now().Add(loginLifetime)
	a.logins.Add(id, at)
	return id
}

// find returns an attempt of this browser that has not expired.
func (a *attempts) find(id, browser string) (attempt, bool) {
	at, ok := a.logins.Peek(id)
	return at, ok && browser != "" && at.browser == browser && a.now().Before(at.until)
}

// finish ends an attempt with a code. It fails if another request has ended it meanwhile.
func (a *attempts) finish(id string, at attempt, s session) (code string, ok bool) {
	if !a.logins.Remove(id) {
		return "", false
	}
	code = rand.Text()
	at.until = a.now().Add(codeLifetime)
	a.codes.Add(code, grant{attempt: at, session: s})
	return code, true
}

// exchange returns what a code stands for, once.
func (a *attempts) exchange(code string) (grant, bool) {
	g, ok := a.codes.Peek(code)
	if !ok || !a.codes.Remove(code) {
		return grant{}, false
	}
	return g, a.now().Before(g.until)
}
