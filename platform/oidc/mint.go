package oidc

import (
	"context"
	stdcrypto "crypto"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	algorithm       = jose.RS256
	accessTokenType = "at+jwt" // RFC 9068, section 2.1
	idTokenValidity = 10 * time.Minute
)

var defaultScopes = []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail}

// session is one sign-in of a person: what its tokens have in common.
type session struct {
	person Person
	id     string // sid
	at     time.Time
	scopes []string
}

func newSession(p Person, scopes []string) session {
	return session{person: p, id: uuid.NewString(), at: time.Now(), scopes: scopes}
}

// mint makes and verifies tokens.
type mint struct {
	issuer   string
	audience string
	access   jose.Signer
	id       jose.Signer
	public   jose.JSONWebKey
}

func newMint(issuer, audience string, key *rsa.PrivateKey) (*mint, error) {
	public := jose.JSONWebKey{Key: key.Public(), Algorithm: string(algorithm), Use: oidc.KeyUseSignature}
	thumbprint, err := public.Thumbprint(stdcrypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("naming the signing key: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	m := &mint{issuer: issuer, audience: audience, public: public}
	if m.access, err = signer(key, public.KeyID, accessTokenType); err != nil {
		return nil, err
	}
	m.id, err = signer(key, public.KeyID, "JWT")
	return m, err
}

func signer(key *rsa.PrivateKey, keyID string, typ jose.ContentType) (jose.Signer, error) {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType(typ))
	if err != nil {
		return nil, fmt.Errorf("preparing to sign: %w", err)
	}
	return s, nil
}

func (m *mint) accessToken(s session, validity time.Duration) (string, error) {
	claims := oidc.NewAccessTokenClaims(m.issuer, s.person.Subject, []string{m.audience}, time.Now().Add(validity),
		uuid.NewString(), ClientID, 0)
	claims.AuthTime = oidc.FromTime(s.at)
	claims.Scopes = s.scopes
	claims.Claims = map[string]any{"sid": s.id, "name": s.person.Name, "email": s.person.Email}
	token, err := crypto.Sign(claims, m.access)
	if err != nil {
		return "", fmt.Errorf("signing an access token: %w", err)
	}
	return token, nil
}

func (m *mint) idToken(s session, nonce, accessToken string) (string, error) {
	hash, err := oidc.ClaimHash(accessToken, algorithm)
	if err != nil {
		return "", fmt.Errorf("hashing an access token: %w", err)
	}
	claims := oidc.NewIDTokenClaims(m.issuer, s.person.Subject, nil, time.Now().Add(idTokenValidity), s.at, nonce, "", nil,
		ClientID, 0)
	claims.AccessTokenHash = hash
	claims.SessionID = s.id
	claims.SetUserInfo(userInfo(s.person))
	token, err := crypto.Sign(claims, m.id)
	if err != nil {
		return "", fmt.Errorf("signing an id token: %w", err)
	}
	return token, nil
}

func userInfo(p Person) *oidc.UserInfo {
	return &oidc.UserInfo{
		Subject:         p.Subject,
		UserInfoProfile: oidc.UserInfoProfile{Name: p.Name},
		UserInfoEmail:   oidc.UserInfoEmail{Email: p.Email, EmailVerified: true},
	}
}

// subject is whose access token it is. An id token is refused, and so is a token for another audience.
func (m *mint) subject(ctx context.Context, token string) (string, error) {
	verifier := op.NewAccessTokenVerifier(m.issuer, accessTokenKeys{m.public},
		op.WithSupportedAccessTokenSigningAlgorithms(string(algorithm)))
	claims, err := op.VerifyAccessToken[*oidc.AccessTokenClaims](ctx, token, verifier)
	if err != nil {
		return "", err
	}
	if !slices.Contains(claims.Audience, m.audience) {
		return "", errors.New("the token is for another audience")
	}
	return claims.Subject, nil
}

// accessTokenKeys verifies signatures of access tokens only.
type accessTokenKeys struct{ key jose.JSONWebKey }

// VerifySignature returns the payload of a rightly signed access token.
func (k accessTokenKeys) VerifySignature(_ context.Context, jws *jose.JSONWebSignature) ([]byte, error) {
	if len(jws.Signatures) != 1 || jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != accessTokenType {
		return nil, errors.New("not an access token")
	}
	return jws.Verify(k.key)
}
