// Package auth finds out who sends a request: it checks OIDC access tokens against one issuer and recognises the API keys
// of service accounts.
//
// It does not decide what anybody may do, keeps no session and never stores or logs a token.
package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/kdesk/client-secrets/commands"
)

const (
	cachedTokens  = 20_000
	maxTokenBytes = 16 << 10
	trustFor      = 10 * time.Minute // a verified token is checked again after this, so that a withdrawn key ends
	fetchTimeout  = 5 * time.Second
	retryEvery    = 2 * time.Second // between two tries to reach the issuer
)

// Failures that callers tell apart with errors.Is.
var (
	ErrInvalidToken      = errors.New("the token is not valid")
	ErrIssuerUnavailable = errors.New("the issuer cannot be reached")
)

// Principal is who a valid token speaks for.
type Principal struct {
	Issuer      string
	Subject     string
	Email       string // as the issuer says; empty if it does not
	Name        string // as the issuer says; empty if it does not
	Session     string // hash of the token's sid, or of the token
	SubjectHash []byte // keyed hash of issuer and subject, as the log has it

	KeyHash []byte // of a service account's API key; nil for people
}

// Config says which tokens are good.
type Config struct {
	Issuer     string          // URL, as the tokens name it; required
	Audience   string          // that a token must name; required
	Algorithms []string        // signature algorithms; asymmetric ones only; required
	AcceptJWT  bool            // takes tokens of type JWT, or of none, beside RFC 9068's at+jwt; never ID tokens
	Hasher     commands.Hasher // of identities and API keys; required
	Now        func() time.Time
	Client     *http.Client // reaches the issuer; nil is one with a time limit
}

// Authenticator checks tokens. It is safe for concurrent use.
type Authenticator struct {
	config   Config
	client   *http.Client
	verified *lru.Cache[[sha256.Size]byte, verified]

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier // nil until the issuer was reached
	tried    time.Time
}

type verified struct {
	principal Principal
	until     time.Time
}

// New returns an authenticator. The issuer need not be reachable yet.
func New(config Config) (*Authenticator, error) {
	switch {
	case config.Issuer == "" || config.Audience == "":
		return nil, errors.New("auth: issuer and audience are required")
	case len(config.Hasher.Key) == 0:
		return nil, errors.New("auth: the hasher has no key")
	case len(config.Algorithms) == 0:
		return nil, errors.New("auth: no signature algorithm is accepted")
	}
	for _, a := range config.Algorithms {
		if !slices.Contains(asymmetric, a) {
			return nil, fmt.Errorf("auth: %q is no asymmetric signature algorithm", a)
		}
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	client := config.Client
	if client == nil {
		client = &http.Client{Timeout: fetchTimeout}
	}
	cache, err := lru.New[[sha256.Size]byte, verified](cachedTokens)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return &Authenticator{config: config, client: sparing(client), verified: cache}, nil
}

var asymmetric = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384,
	oidc.ES512, oidc.EdDSA}

// Authenticate returns whom the value of an Authorization header speaks for. ErrInvalidToken, or ErrIssuerUnavailable if
// that cannot be told now.
func (a *Authenticator) Authenticate(ctx context.Context, header string) (Principal, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxTokenBytes {
		return Principal{}, ErrInvalidToken
	}
	if strings.HasPrefix(token, commands.APIKeyPrefix) {
		if !commands.IsAPIKey(token) {
			return Principal{}, ErrInvalidToken
		}
		return Principal{KeyHash: KeyHash(a.config.Hasher, token)}, nil
	}
	sum := sha256.Sum256([]byte(token))
	if known, ok := a.verified.Get(sum); ok && a.config.Now().Before(known.until) {
		return known.principal, nil
	}
	return a.verify(ctx, strings.Clone(token), sum)
}

func (a *Authenticator) verify(ctx context.Context, token string, sum [sha256.Size]byte) (Principal, error) {
	id, err := checkHeader(token, a.config)
	if err != nil {
		return Principal{}, err
	}
	verifier, err := a.reach(ctx)
	if err != nil {
		return Principal{}, err
	}
	checked, err := verifier.Verify(ctx, token)
	switch {
	case errors.Is(err, ErrIssuerUnavailable):
		return Principal{}, ErrIssuerUnavailable
	case err != nil:
		return Principal{}, ErrInvalidToken
	case checked.Subject == "":
		return Principal{}, ErrInvalidToken
	}
	var claims claims
	if err := checked.Claims(&claims); err != nil || claims.isIDToken() && !id.accessToken {
		return Principal{}, ErrInvalidToken
	}
	p := Principal{
		Issuer: checked.Issuer, Subject: checked.Subject, Email: claims.Email, Name: claims.Name,
		Session: sessionOf(checked.Issuer, claims.SessionID, sum), SubjectHash: a.config.Hasher.Subject(checked.Issuer, checked.Subject),
	}
	until := a.config.Now().Add(trustFor)
	if checked.Expiry.Before(until) {
		until = checked.Expiry
	}
	a.verified.Add(sum, verified{p, until})
	return p, nil
}

// claims are those beyond what go-oidc checks.
type claims struct {
	Email     string  `json:"email"`
	Name      string  `json:"name"`
	SessionID string  `json:"sid"`
	Nonce     *string `json:"nonce"`
	AtHash    *string `json:"at_hash"`
}

// isIDToken tells whether a token is one that tells a client who signed in: it is no key to an API.
func (c claims) isIDToken() bool { return c.Nonce != nil || c.AtHash != nil }

// sessionOf hashes what names the sign-in: the issuer's session, else the token itself.
func sessionOf(issuer, sid string, token [sha256.Size]byte) string {
	if sid == "" {
		return hex.EncodeToString(token[:])
	}
	sum := sha256.Sum256([]byte("sid\x00" + issuer + "\x00" + sid))
	return hex.EncodeToString(sum[:])
}

// Ready tells whether tokens can be checked, and tries to reach the issuer if it was not reached yet.
func (a *Authenticator) Ready(ctx context.Context) error {
	_, err := a.reach(ctx)
	return err
}

// reach returns the verifier, after asking the issuer for its configuration the first time.
func (a *Authenticator) reach(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.verifier != nil {
		return a.verifier, nil
	}
	if a.config.Now().Sub(a.tried) < retryEvery {
		return nil, ErrIssuerUnavailable
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, a.client), fetchTimeout)
	defer cancel()
	provider, err := oidc.NewProvider(ctx, a.config.Issuer)
	if err != nil {
		a.tried = a.config.Now() // those who waited meanwhile do not ask again
		return nil, fmt.Errorf("%w: %w", ErrIssuerUnavailable, err)
	}
	a.verifier = provider.VerifierContext(oidc.ClientContext(context.Background(), a.client), &oidc.Config{
		ClientID: a.config.Audience, SupportedSigningAlgs: a.config.Algorithms, Now: a.config.Now,
	})
	return a.verifier, nil
}
