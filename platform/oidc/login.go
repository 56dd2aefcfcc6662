package oidc

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	loginPath     = "/login"
	stylePath     = "/login.css"
	browserCookie = "client_secrets_dev_login"
)

//go:embed login.html
var loginHTML string

//go:embed login.css
var loginCSS []byte

var loginPage = template.Must(template.New("login").Parse(loginHTML))

// login is the page where somebody chooses who to be.
type login struct {
	people   []Person
	byID     map[string]Person
	attempts *attempts
	logger   *slog.Logger
}

// newBrowserCookie names a browser, with the name it already has if it has one, so that two tabs can sign in at a time.
func newBrowserCookie(name string) *http.Cookie {
	if name == "" {
		name = rand.Text()
	}
	return &http.Cookie{Name: browserCookie, Value: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func browserOf(r *http.Request) string {
	cookie, err := r.Cookie(browserCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (l *login) show(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	at, ok := l.attempts.find(id, browserOf(r))
	if !ok {
		refuseLogin(w)
		return
	}
	var page bytes.Buffer
	if err := loginPage.Execute(&page, map[string]any{"ID": id, "People": l.people}); err != nil {
		l.logger.Error("writing the login page", "error", err)
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	// Browsers apply form-action to the redirect after the form as well, so the client's origin is allowed.
	redirect, _ := url.Parse(at.redirectURI)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; "+
		"frame-ancestors 'none'; form-action 'self' http://"+redirect.Host)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(page.Bytes())
}

func (l *login) choose(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	at, ok := l.attempts.find(id, browserOf(r))
	if !ok {
		refuseLogin(w)
		return
	}
	person, ok := l.byID[r.PostFormValue("subject")]
	if !ok {
		http.Error(w, "nobody has this subject", http.StatusBadRequest)
		return
	}
	code, ok := l.attempts.finish(id, at, newSession(person, at.scopes))
	if !ok {
		refuseLogin(w)
		return
	}
	target, err := op.AuthResponseURL(at.redirectURI, oidc.ResponseTypeCode, oidc.ResponseModeQuery,
		&op.CodeResponseType{Code: code, State: at.state}, oidc.NewEncoder())
	if err != nil {
		l.logger.Error("answering a sign-in", "error", err)
		http.Error(w, "the sign-in cannot be answered", http.StatusInternalServerError)
		return
	}
	l.logger.Info("signed in to development", "subject", person.Subject)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target, http.StatusSeeOther)
}

func refuseLogin(w http.ResponseWriter) {
	http.Error(w, "This sign-in has expired or was begun in another browser. Go back and begin again.", http.StatusBadRequest)
}

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(loginCSS)
}
