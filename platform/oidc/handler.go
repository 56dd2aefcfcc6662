package oidc

import (
	"crypto/rsa"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const maxBody = 1 << 16 // bytes

func newProvider(c Config, key *rsa.PrivateKey, port int) (*Provider, error) {
	issuer := "http://" + net.JoinHostPort(host, strconv.Itoa(port))
	people := make(map[string]Person, len(c.People))
	for _, p := range c.People {
		people[p.Subject] = p
	}
	m, err := newMint(issuer, c.Audience, key)
	if err != nil {
		return nil, err
	}
	a, err := newAttempts()
	if err != nil {
		return nil, err
	}
	page := &login{people: c.People, byID: people, attempts: a, logger: c.Logger}
	protocol := op.RegisterServer(&server{mint: m, people: people, attempts: a}, endpoints,
		op.WithServerCORSOptions(nil), op.WithSetRouter(page.routes))
	return &Provider{
		issuer: issuer, people: people, mint: m, served: make(chan struct{}),
		http: &http.Server{
			Handler:           guard(protocol, strconv.Itoa(port)),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      10 * time.Second,
			IdleTimeout:       time.Minute,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
		},
	}, nil
}

func (l *login) routes(r chi.Router) {
	r.Get(loginPath, l.show)
	r.Post(loginPath, l.choose)
	r.Get(stylePath, serveStyle)
}

// guard lets through what is meant for this server. Another host name means that a foreign site's name was pointed at
// loopback (DNS rebinding), so its pages could read the answers; a form of another origin may not choose a person; and
// codes and verifiers do not belong into a URL, so tokens are given to POST only.
func guard(next http.Handler, port string) http.Handler {
	names := map[string]bool{host + ":" + port: true, "localhost:" + port: true}
	var sameOrigin http.CrossOriginProtection
	protected := sameOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		if !names[r.Host] {
			http.Error(w, "this name is not served here", http.StatusMisdirectedRequest)
			return
		}
		if r.URL.Path == endpoints.Token.Relative() && r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "tokens are given to POST only", http.StatusMethodNotAllowed)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		protected.ServeHTTP(w, r)
	})
}
