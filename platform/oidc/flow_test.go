package oidc_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/kdesk/client-secrets/platform/oidc"
)

const callback = "http://127.0.0.1:8443/auth/callback"

// console is the client's side of a sign-in: its settings, and a browser with cookies.
type console struct {
	t        *testing.T
	issuer   string
	browser  *http.Client
	settings oauth2.Config
	verifier string
}

func newConsole(t *testing.T, p *oidc.Provider) *console {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := httpClient(t)
	browser.Jar = jar
	return &console{t: t, issuer: p.Issuer(), browser: browser, verifier: oauth2.GenerateVerifier(), settings: oauth2.Config{
		ClientID: oidc.ClientID, RedirectURL: callback, Scopes: []string{"openid", "profile", "email"},
		Endpoint: oauth2.Endpoint{AuthURL: p.Issuer() + "/authorize", TokenURL: p.Issuer() + "/oauth/token", AuthStyle: oauth2.AuthStyleInParams},
	}}
}

func (c *console) get(address string) (*http.Response, string) {
	c.t.Helper()
	answer, err := c.browser.Get(address)
	require.NoError(c.t, err)
	return answer, c.read(answer)
}

func (c *console) read(answer *http.Response) string {
	c.t.Helper()
	body, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, answer.Body.Close())
	return string(body)
}

// authorize begins a sign-in and returns the login page's address.
func (c *console) authorize(options ...oauth2.AuthCodeOption) string {
	c.t.Helper()
	options = append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(c.verifier), oauth2.SetAuthURLParam("nonce", "n-1")}, options...)
	answer, body := c.get(c.settings.AuthCodeURL("s-1", options...))
	require.Equal(c.t, http.StatusFound, answer.StatusCode, body)
	login, err := answer.Location()
	require.NoError(c.t, err)
	require.Equal(c.t, "/login", login.Path, "got %s", login)
	return login.String()
}

var hiddenID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// choose posts the login page's form.
func (c *console) choose(login, subject string) *http.Response {
	c.t.Helper()
	answer, page := c.get(login)
	require.Equal(c.t, http.StatusOK, answer.StatusCode, page)
	id := hiddenID.FindStringSubmatch(page)
	require.Len(c.t, id, 2, page)
	posted, err := c.browser.PostForm(c.issuer+"/login", url.Values{"id": {id[1]}, "subject": {subject}})
	require.NoError(c.t, err)
	c.read(posted)
	return posted
}

// code signs a person in.
func (c *console) code(subject string) string {
	c.t.Helper()
	answer := c.choose(c.authorize(), subject)
	require.Equal(c.t, http.StatusSeeOther, answer.StatusCode)
	back, err := answer.Location()
	require.NoError(c.t, err)
	require.True(c.t, strings.HasPrefix(back.String(), callback+"?"), back)
	require.Equal(c.t, "s-1", back.Query().Get("state"))
	return back.Query().Get("code")
}

func (c *console) exchange(code string, options ...oauth2.AuthCodeOption) (*oauth2.Token, error) {
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, c.browser)
	return c.settings.Exchange(ctx, code, options...)
}

func TestSignInWithCodeAndPKCE(t *testing.T) {
	p := start(t, t.TempDir())
	c := newConsole(t, p)
	tokens, err := c.exchange(c.code("adam"), oauth2.VerifierOption(c.verifier))
	require.NoError(t, err)
	require.Equal(t, "Bearer", tokens.Type())
	require.WithinDuration(t, time.Now().Add(8*time.Hour), tokens.Expiry, time.Minute)

	require.Equal(t, "at+jwt", typeOf(t, tokens.AccessToken))
	access, err := verify(t, p.Issuer(), tokens.AccessToken, audience)
	require.NoError(t, err)
	require.Equal(t, "adam", access.Subject)
	require.WithinDuration(t, tokens.Expiry, access.Expiry, time.Minute)

	idText := tokens.Extra("id_token").(string)
	require.Equal(t, "JWT", typeOf(t, idText))
	id, err := verify(t, p.Issuer(), idText, oidc.ClientID)
	require.NoError(t, err)
	require.NoError(t, id.VerifyAccessToken(tokens.AccessToken))
	require.Equal(t, "n-1", id.Nonce)
	require.Equal(t, claimsOf(t, access).SID, claimsOf(t, id).SID)
	_, err = verify(t, p.Issuer(), idText, audience)
	require.Error(t, err, "an id token is not for the server")

	made, err := p.Token(t.Context(), "adam", time.Hour)
	require.NoError(t, err)
	direct, err := verify(t, p.Issuer(), made, audience)
	require.NoError(t, err)
	require.Equal(t, keysOf(t, access), keysOf(t, direct), "both ways give tokens of one shape")
}

func keysOf(t *testing.T, token interface{ Claims(any) error }) []string {
	t.Helper()
	var all map[string]any
	require.NoError(t, token.Claims(&all))
	keys := make([]string, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	require.Contains(t, keys, "sid")
	slices.Sort(keys)
	return keys
}

func TestUserinfo(t *testing.T) {
	p := start(t, t.TempDir())
	c := newConsole(t, p)
	tokens, err := c.exchange(c.code("adam"), oauth2.VerifierOption(c.verifier))
	require.NoError(t, err)

	status, info := userinfo(t, p, tokens.AccessToken)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, map[string]any{"sub": "adam", "name": "Adam <Agent>", "email": "adam@example.test", "email_verified": true}, info)

	status, _ = userinfo(t, p, tokens.Extra("id_token").(string))
	require.Equal(t, http.StatusUnauthorized, status, "an id token is no access token")
	status, _ = userinfo(t, start(t, t.TempDir()), tokens.AccessToken)
	require.Equal(t, http.StatusUnauthorized, status, "nor is another issuer's")
}

func userinfo(t *testing.T, p *oidc.Provider, token string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.Issuer()+"/userinfo", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := httpClient(t).Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	var info map[string]any
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&info))
	return answer.StatusCode, info
}

func TestCodeIsExchangedOnce(t *testing.T) {
	c := newConsole(t, start(t, t.TempDir()))
	code := c.code("olga")
	_, err := c.exchange(code, oauth2.VerifierOption(c.verifier))
	require.NoError(t, err)
	_, err = c.exchange(code, oauth2.VerifierOption(c.verifier))
	requireOAuthError(t, err, "invalid_grant")
}

func TestExchangeNeedsTheRightVerifierRedirectAndClient(t *testing.T) {
	c := newConsole(t, start(t, t.TempDir()))
	_, err := c.exchange(c.code("olga"))
	requireOAuthError(t, err, "invalid_request")

	code := c.code("olga")
	_, err = c.exchange(code, oauth2.VerifierOption(oauth2.GenerateVerifier()))
	requireOAuthError(t, err, "invalid_grant")
	_, err = c.exchange(code, oauth2.VerifierOption(c.verifier))
	requireOAuthError(t, err, "invalid_grant") // a failed try uses the code up

	code = c.code("olga")
	_, err = c.exchange(code, oauth2.VerifierOption(c.verifier), oauth2.SetAuthURLParam("redirect_uri", "http://localhost:8443/auth/callback"))
	requireOAuthError(t, err, "invalid_grant")
	code = c.code("olga")
	c.settings.ClientID = "another"
	_, err = c.exchange(code, oauth2.VerifierOption(c.verifier))
	requireOAuthError(t, err, "invalid_client")
	c.settings.ClientID = oidc.ClientID
	_, err = c.exchange(c.code("olga"), oauth2.VerifierOption(c.verifier), oauth2.SetAuthURLParam("grant_type", "refresh_token"))
	requireOAuthError(t, err, "unauthorized_client")

	answer, _ := c.get(c.issuer + "/oauth/token?grant_type=authorization_code&code=x")
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)
}

func requireOAuthError(t *testing.T, err error, code string) {
	t.Helper()
	var refused *oauth2.RetrieveError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.ErrorCode)
}

func TestForeignRedirectsAreRefusedWithoutRedirecting(t *testing.T) {
	c := newConsole(t, start(t, t.TempDir()))
	for _, uri := range []string{
		"", "http://evil.example/auth/callback", "https://127.0.0.1:8443/auth/callback", "http://127.0.0.1/auth/callback",
		"http://127.0.0.1:8443/auth/other", "http://127.0.0.1:8443/auth/callback/", "http://127.0.0.1:8443/auth/callback?x=1",
		"http://127.0.0.1:8443/auth/callback#x", "http://127.0.0.1:1@evil.example:80/auth/callback",
		"http://u@127.0.0.1:8443/auth/callback", "http://127.0.0.1.evil.example:80/auth/callback",
		"http://127.0.0.2:8443/auth/callback", "http://[::1]:8443/auth/callback", "http://127.0.0.1:0/auth/callback",
		"http://127.0.0.1:65536/auth/callback", "http://127.0.0.1:08443/auth/callback", "http://127.0.0.1:8443/auth/%63allback",
	} {
		c.settings.RedirectURL = uri
		answer, body := c.get(c.settings.AuthCodeURL("s-1", oauth2.S256ChallengeOption(c.verifier)))
		require.Equal(t, http.StatusBadRequest, answer.StatusCode, "%q: %s", uri, body)
	}
	for _, uri := range []string{"http://localhost:8080/auth/callback", "http://127.0.0.1:1/auth/callback"} {
		c.settings.RedirectURL = uri
		c.authorize()
	}
}

func TestAuthorizeRefusals(t *testing.T) {
	c := newConsole(t, start(t, t.TempDir()))
	s256 := oauth2.S256ChallengeOption(c.verifier)
	for name, given := range map[string]struct {
		options []oauth2.AuthCodeOption
		code    string
	}{
		"without PKCE":      {nil, "invalid_request"},
		"with a plain PKCE": {[]oauth2.AuthCodeOption{s256, oauth2.SetAuthURLParam("code_challenge_method", "plain")}, "invalid_request"},
		"a short challenge": {[]oauth2.AuthCodeOption{s256, oauth2.SetAuthURLParam("code_challenge", "short")}, "invalid_request"},
		"implicit flow":     {[]oauth2.AuthCodeOption{s256, oauth2.SetAuthURLParam("response_type", "id_token token")}, "unauthorized_client"},
		"form post":         {[]oauth2.AuthCodeOption{s256, oauth2.SetAuthURLParam("response_mode", "form_post")}, "invalid_request"},
		"without a page":    {[]oauth2.AuthCodeOption{s256, oauth2.SetAuthURLParam("prompt", "none")}, "login_required"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := c.get(c.settings.AuthCodeURL("s-1", given.options...))
			require.Equal(t, http.StatusFound, answer.StatusCode, body)
			back, err := answer.Location()
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(back.String(), callback), back)
			require.Contains(t, back.RawQuery+back.Fragment, "error="+given.code)
			require.NotContains(t, back.RawQuery+back.Fragment, "code=")
		})
	}
	c.settings.ClientID = "another"
	answer, _ := c.get(c.settings.AuthCodeURL("s-1", s256))
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
}

func TestLoginPage(t *testing.T) {
	p := start(t, t.TempDir())
	c := newConsole(t, p)
	login := c.authorize()
	answer, page := c.get(login)
	require.Contains(t, page, "Olga Owner")
	require.Contains(t, page, "Adam &lt;Agent&gt;")
	require.NotContains(t, page, "<script")
	policy := answer.Header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "form-action 'self' http://127.0.0.1:8443")
	require.NotContains(t, policy, "unsafe")
	require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	style, _ := c.get(p.Issuer() + "/login.css")
	require.Equal(t, http.StatusOK, style.StatusCode)

	require.Equal(t, http.StatusBadRequest, c.choose(login, "nobody").StatusCode)
	other := newConsole(t, p)
	answer, _ = other.get(login)
	require.Equal(t, http.StatusBadRequest, answer.StatusCode, "another browser has not begun this sign-in")
	answer, _ = c.get(p.Issuer() + "/login?id=unknown")
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)

	require.Equal(t, http.StatusSeeOther, c.choose(login, "olga").StatusCode, "a refusal leaves the sign-in open")
	answer, _ = c.get(login)
	require.Equal(t, http.StatusBadRequest, answer.StatusCode, "a sign-in ends once")
}

func TestTwoTabsSignInAtATime(t *testing.T) {
	c := newConsole(t, start(t, t.TempDir()))
	first, second := c.authorize(), c.authorize()
	require.Equal(t, http.StatusSeeOther, c.choose(first, "olga").StatusCode)
	require.Equal(t, http.StatusSeeOther, c.choose(second, "adam").StatusCode)
}

func TestAFormOfAnotherSiteChoosesNobody(t *testing.T) {
	p := start(t, t.TempDir())
	c := newConsole(t, p)
	login := c.authorize()
	at, err := url.Parse(login)
	require.NoError(t, err)
	form := url.Values{"id": {at.Query().Get("id")}, "subject": {"olga"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Issuer()+"/login", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer, err := c.browser.Do(r)
	require.NoError(t, err)
	c.read(answer)
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
}
