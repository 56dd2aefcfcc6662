// Package oidc is the identity provider of development: `serve --dev` starts it, so that signing in works on a fresh
// machine. It speaks OpenID Connect (discovery, JWKS, authorization code with PKCE, userinfo) for one public client, on
// loopback only, for a short fixed list of people.
//
// It does not authenticate: whoever reaches the login page chooses who to be. So it is nothing for production, and it
// has no refresh tokens, no sign-out, no consent and no registration. Sign-ins under way are kept in memory: a restart
// loses them, and people choose again. Tokens outlive a restart, since the signing key and the port are kept.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kdesk/client-secrets/platform/internal/filelock"
)

// ClientID is the one client of the provider: public, with PKCE, redirecting to /auth/callback on loopback.
const ClientID = "client-secrets-console"

const (
	host         = "127.0.0.1"
	closeTimeout = time.Second
	maxHeader    = 1 << 16 // bytes
)

// Person is somebody who can sign in. All fields are required.
type Person struct {
	Subject string // the sub claim; unique in the list
	Name    string
	Email   string
}

// Config says who can sign in, and where the provider keeps what outlives a restart. One process uses a folder at a time.
type Config struct {
	Dir      string       // keeps the signing key and the port; made with 0700 when missing. Required
	Audience string       // the aud of access tokens. Required
	People   []Person     // at least one
	Logger   *slog.Logger // nil means slog.Default()
}

func (c Config) check() error {
	if c.Dir == "" || c.Audience == "" || len(c.People) == 0 {
		return errors.New("a development identity provider needs a folder, an audience and people")
	}
	seen := map[string]bool{}
	for _, p := range c.People {
		if p.Subject == "" || p.Name == "" || p.Email == "" {
			return fmt.Errorf("person %q needs a subject, a name and an email", p.Subject)
		}
		if seen[p.Subject] {
			return fmt.Errorf("two people have the subject %q", p.Subject)
		}
		seen[p.Subject] = true
	}
	return nil
}

// ErrInUse says that another provider that runs keeps its key and its port in the folder.
var ErrInUse = errors.New("another development server runs in this folder")

// Provider is a running identity provider. It is safe for concurrent use.
type Provider struct {
	issuer string
	people map[string]Person
	mint   *mint
	http   *http.Server
	served chan struct{} // closed when the server has ended
	unlock func()        // the folder

	closing  sync.Once
	closeErr error
}

// Start serves the provider on 127.0.0.1, on the port kept in the folder or else a free one, until Close. If the kept
// port is taken, another is chosen and kept, the issuer changes with it, and a warning is logged: tokens of the former
// issuer are then refused by whoever trusts the new one. ErrInUse if another provider keeps its things in the folder: the
// port is its. ctx bounds the start only.
func Start(ctx context.Context, c Config) (*Provider, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the identity provider's folder: %w", err)
	}
	unlock, err := filelock.Take(filepath.Join(c.Dir, "lock"))
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, c.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the identity provider: %w", err)
	}
	p, listener, err := prepare(ctx, c)
	if err != nil {
		unlock()
		return nil, err
	}
	p.unlock = unlock
	go p.serve(listener, c.Logger)
	return p, nil
}

// prepare makes a provider of what its folder keeps, and the listener that it is to be served on.
func prepare(ctx context.Context, c Config) (*Provider, net.Listener, error) {
	key, err := keptKey(c.Dir)
	if err != nil {
		return nil, nil, err
	}
	listener, err := listen(ctx, c.Dir, c.Logger)
	if err != nil {
		return nil, nil, err
	}
	p, err := newProvider(c, key, listener.Addr().(*net.TCPAddr).Port)
	if err != nil {
		return nil, nil, errors.Join(err, listener.Close())
	}
	return p, listener, nil
}

func (p *Provider) serve(listener net.Listener, logger *slog.Logger) {
	defer close(p.served)
	if err := p.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		logger.Error("the development identity provider stopped", "error", err)
	}
}

// Issuer is the iss of its tokens, and the address under which its discovery document is found.
func (p *Provider) Issuer() string { return p.issuer }

// Token makes an access token for a person, as the token endpoint would after a sign-in: a JWT of type at+jwt with a
// session of its own. It fails for an unknown subject and for a validity below one second.
func (p *Provider) Token(ctx context.Context, subject string, validity time.Duration) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	person, ok := p.people[subject]
	if !ok {
		return "", fmt.Errorf("nobody has the subject %q", subject)
	}
	if validity < time.Second {
		return "", fmt.Errorf("a token cannot be valid for %s", validity)
	}
	return p.mint.accessToken(newSession(person, defaultScopes), validity)
}

// Close stops serving. What is being answered gets a second, then it is cut off. Closing twice changes nothing.
func (p *Provider) Close() error {
	p.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err := p.http.Shutdown(ctx); err != nil {
			p.closeErr = p.http.Close()
		}
		<-p.served
		p.unlock()
	})
	return p.closeErr
}
