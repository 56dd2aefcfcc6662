package oidc

import (
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const callbackPath = "/auth/callback"

// client is the console: public, with the authorization code flow only. It counts as native because that is the type
// whose loopback redirects may have any port (RFC 8252, section 7.3).
type client struct{}

func (client) GetID() string { return ClientID }

func (client) RedirectURIs() []string {
	return []string{"http://127.0.0.1" + callbackPath, "http://localhost" + callbackPath}
}

func (client) PostLogoutRedirectURIs() []string    { return nil }
func (client) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }
func (client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodNone }
func (client) ResponseTypes() []oidc.ResponseType  { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (client) GrantTypes() []oidc.GrantType        { return []oidc.GrantType{oidc.GrantTypeCode} }
func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (client) IDTokenLifetime() time.Duration      { return idTokenValidity }
func (client) DevMode() bool                       { return false }
func (client) IsScopeAllowed(string) bool          { return false }
func (client) IDTokenUserinfoClaimsAssertion() bool {
	return true
}
func (client) ClockSkew() time.Duration { return 0 }

// LoginURL has no host, so that a browser stays on the name it came by, for which its cookie was set.
func (client) LoginURL(id string) string { return loginPath + "?id=" + url.QueryEscape(id) }

func (client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// isCallback says whether a URI is the client's callback on loopback, at any port. Comparing what was parsed with the
// text leaves no room for user names, queries, fragments and escapes, as a pattern with a star for the port would.
func isCallback(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil {
		return false
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 || (u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost") {
		return false
	}
	return uri == "http://"+net.JoinHostPort(u.Hostname(), strconv.FormatUint(port, 10))+callbackPath
}
