package oidc_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kdesk/client-secrets/platform/oidc"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const audience = "client-secrets"

var people = []oidc.Person{
	{Subject: "olga", Name: "Olga Owner", Email: "olga@example.test"},
	{Subject: "adam", Name: "Adam <Agent>", Email: "adam@example.test"},
}

func start(t *testing.T, dir string) *oidc.Provider {
	t.Helper()
	p, err := oidc.Start(t.Context(), oidc.Config{Dir: dir, Audience: audience, People: people, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// httpClient follows no redirects and leaves no connection behind.
func httpClient(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// verify checks a token as a resource server does: by the published keys, found by discovery.
func verify(t *testing.T, issuer, token, clientID string) (*gooidc.IDToken, error) {
	t.Helper()
	ctx := gooidc.ClientContext(context.Background(), httpClient(t))
	found, err := gooidc.NewProvider(ctx, issuer)
	require.NoError(t, err)
	verifier := found.VerifierContext(ctx, &gooidc.Config{ClientID: clientID, SupportedSigningAlgs: []string{"RS256"}})
	return verifier.Verify(ctx, token)
}

func typeOf(t *testing.T, token string) any {
	t.Helper()
	signed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	require.NoError(t, err)
	return signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]
}

type claims struct {
	JTI      string `json:"jti"`
	SID      string `json:"sid"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	Nonce    string `json:"nonce"`
}

func claimsOf(t *testing.T, token *gooidc.IDToken) claims {
	t.Helper()
	var c claims
	require.NoError(t, token.Claims(&c))
	return c
}

func TestTokenIsVerifiedByThePublishedKeys(t *testing.T) {
	p := start(t, t.TempDir())
	text, err := p.Token(t.Context(), "adam", time.Hour)
	require.NoError(t, err)
	require.Equal(t, "at+jwt", typeOf(t, text))

	token, err := verify(t, p.Issuer(), text, audience)
	require.NoError(t, err)
	require.Equal(t, p.Issuer(), token.Issuer)
	require.Equal(t, "adam", token.Subject)
	require.Equal(t, []string{audience}, token.Audience)
	require.WithinDuration(t, time.Now(), token.IssuedAt, 10*time.Second)
	require.WithinDuration(t, time.Now().Add(time.Hour), token.Expiry, 10*time.Second)
	c := claimsOf(t, token)
	require.Equal(t, "Adam <Agent>", c.Name)
	require.Equal(t, "adam@example.test", c.Email)
	require.Equal(t, oidc.ClientID, c.ClientID)

	second, err := p.Token(t.Context(), "adam", time.Hour)
	require.NoError(t, err)
	again, err := verify(t, p.Issuer(), second, audience)
	require.NoError(t, err)
	require.NotEqual(t, c.SID, claimsOf(t, again).SID, "each call is a session of its own")
	require.NotEqual(t, c.JTI, claimsOf(t, again).JTI)

	_, err = verify(t, p.Issuer(), text, "another-audience")
	require.ErrorContains(t, err, "audience")
	_, err = verify(t, p.Issuer(), text[:len(text)-6]+"AAAAAA", audience)
	require.Error(t, err)
}

func TestTokenRefusals(t *testing.T) {
	p := start(t, t.TempDir())
	_, err := p.Token(t.Context(), "nobody", time.Hour)
	require.ErrorContains(t, err, "nobody")
	_, err = p.Token(t.Context(), "adam", 0)
	require.ErrorContains(t, err, "valid")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Token(ended, "adam", time.Hour)
	require.ErrorIs(t, err, context.Canceled)
}

func TestRestartKeepsIssuerKeyAndTokens(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	old, err := first.Token(t.Context(), "olga", time.Hour)
	require.NoError(t, err)
	require.NoError(t, first.Close())
	require.NoError(t, first.Close(), "closing twice changes nothing")

	second := start(t, dir)
	require.Equal(t, first.Issuer(), second.Issuer())
	token, err := verify(t, second.Issuer(), old, audience)
	require.NoError(t, err)
	require.Equal(t, "olga", token.Subject)

	info, err := os.Stat(filepath.Join(dir, "signing-key.pem"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestTakenPortChangesTheIssuer(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	old, err := first.Token(t.Context(), "olga", time.Hour)
	require.NoError(t, err)
	require.NoError(t, first.Close())
	taken, err := net.Listen("tcp", first.Issuer()[len("http://"):])
	require.NoError(t, err)
	defer taken.Close()

	second := start(t, dir)
	require.NotEqual(t, first.Issuer(), second.Issuer())
	_, err = verify(t, second.Issuer(), old, audience)
	require.ErrorContains(t, err, "issued by a different provider")

	require.NoError(t, second.Close())
	require.Equal(t, second.Issuer(), start(t, dir).Issuer(), "the new port is kept")
}

func TestAFolderIsOfOneProviderAtATime(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir)
	_, err := oidc.Start(t.Context(), oidc.Config{Dir: dir, Audience: audience, People: people})
	require.ErrorIs(t, err, oidc.ErrInUse)
	require.NoError(t, first.Close())
	require.Equal(t, first.Issuer(), start(t, dir).Issuer(), "it kept its port")
}

func TestStartRefusals(t *testing.T) {
	good := oidc.Config{Dir: t.TempDir(), Audience: audience, People: people}
	for name, spoil := range map[string]func(*oidc.Config){
		"no folder":            func(c *oidc.Config) { c.Dir = "" },
		"no audience":          func(c *oidc.Config) { c.Audience = "" },
		"no people":            func(c *oidc.Config) { c.People = nil },
		"a nameless person":    func(c *oidc.Config) { c.People = []oidc.Person{{Subject: "a", Email: "a@example.test"}} },
		"one subject twice":    func(c *oidc.Config) { c.People = append(people[:1:1], people[0]) },
		"a damaged key":        func(c *oidc.Config) { c.Dir = folderWith(t, "signing-key.pem", "damaged", 0o600) },
		"a key open to others": func(c *oidc.Config) { c.Dir = folderWith(t, "signing-key.pem", "damaged", 0o644) },
		"a damaged port":       func(c *oidc.Config) { c.Dir = folderWith(t, "port", "0.0.0.0:80", 0o600) },
		"a port too high":      func(c *oidc.Config) { c.Dir = folderWith(t, "port", "65536", 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			_, err := oidc.Start(t.Context(), c)
			require.Error(t, err)
		})
	}
}

func folderWith(t *testing.T, file, content string, mode os.FileMode) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), mode))
	return dir
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	p := start(t, t.TempDir())
	_, port, err := net.SplitHostPort(p.Issuer()[len("http://"):])
	require.NoError(t, err)
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		ip := a.(*net.IPNet).IP
		if ip.IsLoopback() || ip.To4() == nil {
			continue
		}
		_, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), port), time.Second)
		require.Error(t, err, "%s must not answer", ip)
	}

	for name, want := range map[string]int{
		"127.0.0.1:" + port:      http.StatusOK,
		"localhost:" + port:      http.StatusOK,
		"127.0.0.1":              http.StatusMisdirectedRequest,
		"localhost:1":            http.StatusMisdirectedRequest,
		"evil.example:" + port:   http.StatusMisdirectedRequest,
		"127.0.0.1.evil.example": http.StatusMisdirectedRequest,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.Issuer()+"/.well-known/openid-configuration", nil)
		require.NoError(t, err)
		r.Host = name
		answer, err := httpClient(t).Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want, answer.StatusCode, name)
	}
}

func TestDiscoveryPublishesWhatIsImplemented(t *testing.T) {
	p := start(t, t.TempDir())
	answer, err := httpClient(t).Get(p.Issuer() + "/.well-known/openid-configuration")
	require.NoError(t, err)
	defer answer.Body.Close()
	var document map[string]any
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&document))
	require.Equal(t, p.Issuer(), document["issuer"])
	require.Equal(t, []any{"authorization_code"}, document["grant_types_supported"])
	require.Equal(t, []any{"code"}, document["response_types_supported"])
	require.Equal(t, []any{"S256"}, document["code_challenge_methods_supported"])
	require.NotContains(t, document, "introspection_endpoint")

	keys, err := httpClient(t).Get(p.Issuer() + "/keys")
	require.NoError(t, err)
	defer keys.Body.Close()
	var set jose.JSONWebKeySet
	require.NoError(t, json.NewDecoder(keys.Body).Decode(&set))
	require.Len(t, set.Keys, 1)
	require.True(t, set.Keys[0].IsPublic(), "the private key must not be published")
}

func TestCloseDoesNotWaitForSlowClients(t *testing.T) {
	p := start(t, t.TempDir())
	slow, err := net.Dial("tcp", p.Issuer()[len("http://"):])
	require.NoError(t, err)
	defer slow.Close()
	_, err = slow.Write([]byte("POST /oauth/token HTTP/1.1\r\nHost: "))
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, p.Close())
	require.Less(t, time.Since(began), 4*time.Second)
	_, err = net.Dial("tcp", p.Issuer()[len("http://"):])
	require.Error(t, err)
}
