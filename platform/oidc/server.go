package oidc

import (
	"context"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	accessTokenValidity = 8 * time.Hour // a working day: there are no refresh tokens
	challengeLength     = 43            // of a SHA-256 in base64url (RFC 7636, section 4.2)
)

var endpoints = op.Endpoints{
	Authorization: op.NewEndpoint("authorize"),
	Token:         op.NewEndpoint("oauth/token"),
	Userinfo:      op.NewEndpoint("userinfo"),
	JwksURI:       op.NewEndpoint("keys"),
}

// server answers the protocol's requests, which the op package has routed, parsed and checked in part. What it does not
// implement (other grants, introspection, revocation, registration, ...) is refused by the embedded server.
type server struct {
	op.UnimplementedServer
	mint     *mint
	people   map[string]Person
	attempts *attempts
}

// Health answers that the provider runs.
func (s *server) Health(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	return op.NewResponse(op.Status{Status: "ok"}), nil
}

// Ready answers as Health does: there is nothing to wait for.
func (s *server) Ready(ctx context.Context, r *op.Request[struct{}]) (*op.Response, error) {
	return s.Health(ctx, r)
}

// Discovery publishes what is implemented, and nothing else.
func (s *server) Discovery(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	return op.NewResponse(&oidc.DiscoveryConfiguration{
		Issuer:                            s.mint.issuer,
		AuthorizationEndpoint:             endpoints.Authorization.Absolute(s.mint.issuer),
		TokenEndpoint:                     endpoints.Token.Absolute(s.mint.issuer),
		UserinfoEndpoint:                  endpoints.Userinfo.Absolute(s.mint.issuer),
		JwksURI:                           endpoints.JwksURI.Absolute(s.mint.issuer),
		ScopesSupported:                   defaultScopes,
		ResponseTypesSupported:            []string{string(oidc.ResponseTypeCode)},
		ResponseModesSupported:            []string{string(oidc.ResponseModeQuery)},
		GrantTypesSupported:               []oidc.GrantType{oidc.GrantTypeCode},
		SubjectTypesSupported:             []string{"public"},
		IDTokenSigningAlgValuesSupported:  []string{string(algorithm)},
		TokenEndpointAuthMethodsSupported: []oidc.AuthMethod{oidc.AuthMethodNone},
		CodeChallengeMethodsSupported:     []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
		ClaimsSupported:                   []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "sid", "name", "email", "email_verified"},
	}), nil
}

// Keys publishes the public key.
func (s *server) Keys(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	return op.NewResponse(&jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.mint.public}}), nil
}

// VerifyAuthRequest refuses unknown clients and redirects to anywhere but the client's callback on loopback.
func (s *server) VerifyAuthRequest(_ context.Context, r *op.Request[oidc.AuthRequest]) (*op.ClientRequest[oidc.AuthRequest], error) {
	if r.Data.RequestParam != "" {
		return nil, oidc.ErrRequestNotSupported()
	}
	if r.Data.ClientID != ClientID {
		return nil, oidc.ErrInvalidClient().WithDescription("unknown client")
	}
	if !isCallback(r.Data.RedirectURI) {
		return nil, oidc.ErrInvalidRequestRedirectURI().WithDescription("the redirect_uri is not registered")
	}
	return &op.ClientRequest[oidc.AuthRequest]{Request: r, Client: client{}}, nil
}

// Authorize remembers a request and sends the browser to the login page, with a cookie that binds the two together.
func (s *server) Authorize(_ context.Context, r *op.ClientRequest[oidc.AuthRequest]) (*op.Redirect, error) {
	ask := r.Data
	switch {
	case ask.ResponseMode != "" && ask.ResponseMode != oidc.ResponseModeQuery:
		return nil, oidc.ErrInvalidRequest().WithDescription("only the response_mode query is supported")
	case ask.CodeChallengeMethod != oidc.CodeChallengeMethodS256 || len(ask.CodeChallenge) != challengeLength:
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with S256 is required")
	case len(ask.Prompt) == 1 && ask.Prompt[0] == oidc.PromptNone:
		return nil, oidc.ErrLoginRequired()
	}
	browser := browserOf(&http.Request{Header: r.Header})
	cookie := newBrowserCookie(browser)
	id := s.attempts.begin(attempt{
		browser: cookie.Value, redirectURI: ask.RedirectURI, state: ask.State, nonce: ask.Nonce,
		scopes: ask.Scopes, challenge: ask.CodeChallenge,
	})
	redirect := op.NewRedirect(r.Client.LoginURL(id))
	redirect.Header.Set("Set-Cookie", cookie.String())
	redirect.Header.Set("Cache-Control", "no-store")
	return redirect, nil
}

// VerifyClient knows one client, which has no secret.
func (s *server) VerifyClient(_ context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	if r.Data.ClientID != ClientID {
		return nil, oidc.ErrInvalidClient().WithDescription("unknown client")
	}
	return client{}, nil
}

// CodeExchange gives tokens for a code. Any try uses the code up, also a failing one.
func (s *server) CodeExchange(_ context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	g, ok := s.attempts.exchange(r.Data.Code)
	if !ok {
		return nil, oidc.ErrInvalidGrant().WithDescription("invalid code")
	}
	if r.Data.RedirectURI != g.redirectURI {
		return nil, oidc.ErrInvalidGrant().WithDescription("redirect_uri does not correspond")
	}
	challenge := &oidc.CodeChallenge{Challenge: g.challenge, Method: oidc.CodeChallengeMethodS256}
	if err := op.AuthorizeCodeChallenge(r.Data.CodeVerifier, challenge); err != nil {
		return nil, err
	}
	access, err := s.mint.accessToken(g.session, accessTokenValidity)
	if err != nil {
		return nil, oidc.ErrServerError().WithParent(err)
	}
	id, err := s.mint.idToken(g.session, g.nonce, access)
	if err != nil {
		return nil, oidc.ErrServerError().WithParent(err)
	}
	answer := op.NewResponse(&oidc.AccessTokenResponse{
		AccessToken: access, IDToken: id, TokenType: oidc.BearerToken,
		ExpiresIn: uint64(accessTokenValidity.Seconds()), Scope: g.scopes,
	})
	answer.Header.Set("Cache-Control", "no-store")
	return answer, nil
}

// UserInfo tells whose access token it is.
func (s *server) UserInfo(ctx context.Context, r *op.Request[oidc.UserInfoRequest]) (*op.Response, error) {
	subject, err := s.mint.subject(ctx, r.Data.AccessToken)
	person, known := s.people[subject]
	if err != nil || !known {
		return nil, op.NewStatusError(oidc.ErrAccessDenied().WithDescription("access token invalid"), http.StatusUnauthorized)
	}
	return op.NewResponse(userInfo(person)), nil
}
