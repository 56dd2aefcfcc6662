package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
)

const audience = "api"

// issuer is an OIDC issuer on this machine.
type issuer struct {
	*httptest.Server
	key   *ecdsa.PrivateKey
	down  atomic.Bool
	asked atomic.Int32
}

func newIssuer(t *testing.T) *issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	i := &issuer{key: key}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		if i.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		if r.URL.Path == "/keys" {
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL, "token_endpoint": i.URL})
	}))
	t.Cleanup(i.Close)
	return i
}

func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, id, typ string, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	compact, err := signed.CompactSerialize()
	require.NoError(t, err)
	return compact
}

func (i *issuer) claims(change func(map[string]any)) map[string]any {
	now := time.Now()
	c := map[string]any{"iss": i.URL, "aud": audience, "sub": "ann", "sid": "s1", "email": "ann@example.com", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	if change != nil {
		change(c)
	}
	return c
}

func newAuthenticator(t *testing.T, i *issuer, change func(*Config)) *Authenticator {
	c := Config{Issuer: i.URL, Audience: audience, Algorithms: []string{"ES256"}, Hasher: commands.Hasher{Key: make([]byte, 32)}}
	if change != nil {
		change(&c)
	}
	a, err := New(c)
	require.NoError(t, err)
	return a
}

func TestTokens(t *testing.T) {
	i := newIssuer(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(i.key.Public())
	require.NoError(t, err)
	set := func(name string, value any) func(map[string]any) { return func(c map[string]any) { c[name] = value } }
	good := func(change func(map[string]any)) string {
		return sign(t, jose.ES256, i.key, "1", "at+jwt", i.claims(change))
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	parts := strings.Split(good(nil), ".")
	otherParts := strings.Split(good(set("sub", "bob")), ".")
	a := newAuthenticator(t, i, nil)
	for name, token := range map[string]string{
		"empty":              "",
		"no jwt":             "abc",
		"alg none":           none + "." + parts[1] + ".",
		"alg none, signed":   none + "." + parts[1] + "." + parts[2],
		"hs256 by the key":   sign(t, jose.HS256, public, "1", "at+jwt", i.claims(nil)),
		"another key":        sign(t, jose.ES256, other, "1", "at+jwt", i.claims(nil)),
		"tampered":           parts[0] + "." + otherParts[1] + "." + parts[2],
		"wrong audience":     good(set("aud", "another")),
		"expired":            good(set("exp", time.Now().Add(-time.Minute).Unix())),
		"not yet":            good(set("nbf", time.Now().Add(time.Hour).Unix())),
		"another issuer":     good(set("iss", "https://another.example")),
		"no subject":         good(set("sub", "")),
		"id token by type":   sign(t, jose.ES256, i.key, "1", "JWT", i.claims(nil)),
		"logout token":       sign(t, jose.ES256, i.key, "1", "logout+jwt", i.claims(nil)),
		"longer than it may": good(set("x", strings.Repeat("x", maxTokenBytes))),
	} {
		_, err := a.Authenticate(t.Context(), "Bearer "+token)
		require.ErrorIs(t, err, ErrInvalidToken, name)
	}
	p, err := a.Authenticate(t.Context(), "bearer "+good(nil))
	require.NoError(t, err)
	require.Equal(t, "ann", p.Subject)
	require.Equal(t, a.config.Hasher.Subject(i.URL, "ann"), p.SubjectHash)
	same, err := a.Authenticate(t.Context(), "Bearer "+good(set("jti", "2")))
	require.NoError(t, err)
	require.Equal(t, p.Session, same.Session)
	require.NotContains(t, p.Session, "s1")
	_, err = a.Authenticate(t.Context(), "Basic "+good(nil))
	require.ErrorIs(t, err, ErrInvalidToken)
}

func TestPlainJWTsAreTakenOnlyIfConfiguredAndNeverIDTokens(t *testing.T) {
	i := newIssuer(t)
	a := newAuthenticator(t, i, func(c *Config) { c.AcceptJWT = true })
	_, err := a.Authenticate(t.Context(), "Bearer "+sign(t, jose.ES256, i.key, "1", "JWT", i.claims(nil)))
	require.NoError(t, err)
	_, err = a.Authenticate(t.Context(), "Bearer "+sign(t, jose.ES256, i.key, "1", "JWT", i.claims(func(c map[string]any) { c["nonce"] = "n" })))
	require.ErrorIs(t, err, ErrInvalidToken)
}

func TestAVerifiedTokenIsNotVerifiedAgainUntilItExpires(t *testing.T) {
	i := newIssuer(t)
	now := time.Now()
	a := newAuthenticator(t, i, func(c *Config) { c.Now = func() time.Time { return now } })
	token := "Bearer " + sign(t, jose.ES256, i.key, "1", "at+jwt", i.claims(func(c map[string]any) { c["exp"] = now.Add(time.Minute).Unix() }))
	_, err := a.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, 1, a.verified.Len())
	i.down.Store(true)
	_, err = a.Authenticate(t.Context(), token)
	require.NoError(t, err)
	now = now.Add(2 * time.Minute)
	_, err = a.Authenticate(t.Context(), token)
	require.ErrorIs(t, err, ErrInvalidToken)
}

func TestAnIssuerMayBeAwayAtFirst(t *testing.T) {
	i := newIssuer(t)
	now := time.Now()
	a := newAuthenticator(t, i, func(c *Config) { c.Now = func() time.Time { return now } })
	i.down.Store(true)
	token := "Bearer " + sign(t, jose.ES256, i.key, "1", "at+jwt", i.claims(nil))
	for range 5 {
		_, err := a.Authenticate(t.Context(), token)
		require.ErrorIs(t, err, ErrIssuerUnavailable)
	}
	require.EqualValues(t, 1, i.asked.Load())
	require.ErrorIs(t, a.Ready(t.Context()), ErrIssuerUnavailable)
	i.down.Store(false)
	now = now.Add(time.Minute)
	a.client.Transport.(*spare).asked = map[string]time.Time{}
	_, err := a.Authenticate(t.Context(), token)
	require.NoError(t, err)
}

func TestMadeUpKeysDoNotReachTheIssuer(t *testing.T) {
	i := newIssuer(t)
	a := newAuthenticator(t, i, nil)
	for range 10 {
		_, err := a.Authenticate(t.Context(), "Bearer "+sign(t, jose.ES256, i.key, "made up", "at+jwt", i.claims(nil)))
		require.Error(t, err)
	}
	require.LessOrEqual(t, i.asked.Load(), int32(3))
}

func TestConfiguration(t *testing.T) {
	good := Config{Issuer: "https://i.example", Audience: "a", Algorithms: []string{"RS256"}, Hasher: commands.Hasher{Key: []byte("k")}}
	for name, break_ := range map[string]func(*Config){
		"issuer": func(c *Config) { c.Issuer = "" }, "audience": func(c *Config) { c.Audience = "" },
		"none": func(c *Config) { c.Algorithms = []string{"none"} }, "hmac": func(c *Config) { c.Algorithms = []string{"RS256", "HS256"} },
		"nothing": func(c *Config) { c.Algorithms = nil }, "hasher": func(c *Config) { c.Hasher.Key = nil },
	} {
		c := good
		break_(&c)
		_, err := New(c)
		require.Error(t, err, name)
	}
	_, err := New(good)
	require.NoError(t, err)
}

func TestAPIKeysAreKnownByTheirHash(t *testing.T) {
	a := newAuthenticator(t, newIssuer(t), nil)
	key := commands.NewAPIKey()
	p, err := a.Authenticate(t.Context(), "Bearer "+key)
	require.NoError(t, err)
	require.Equal(t, KeyHash(a.config.Hasher, key), p.KeyHash)
	require.Len(t, p.KeyHash, 32)
	require.NotEqual(t, p.KeyHash, KeyHash(a.config.Hasher, commands.NewAPIKey()))
	_, err = a.Authenticate(t.Context(), "Bearer csk_abc")
	require.ErrorIs(t, err, ErrInvalidToken)
}
