package http

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	nethttp "net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

const audience = "client-secrets"

// issuer is an OIDC issuer on this machine.
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newIssuer(t testing.TB) *issuer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	i := &issuer{key: key}
	mux := nethttp.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL,
			"token_endpoint": i.URL, "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// token returns an access token of somebody.
func (i *issuer) token(t testing.TB, subject string) string {
	return i.tokenUntil(t, subject, time.Now().Add(time.Hour))
}

func (i *issuer) tokenUntil(t testing.TB, subject string, expires time.Time) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: i.key, KeyID: "1"}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	require.NoError(t, err)
	issued := time.Now().Add(-time.Hour)
	claims, err := json.Marshal(map[string]any{"iss": i.URL, "aud": []string{audience}, "sub": subject, "email": subject + "@example.com",
		"name": "Name of " + subject, "iat": issued.Unix(), "exp": expires.Unix()})
	require.NoError(t, err)
	signed, err := signer.Sign(claims)
	require.NoError(t, err)
	compact, err := signed.CompactSerialize()
	require.NoError(t, err)
	return compact
}
