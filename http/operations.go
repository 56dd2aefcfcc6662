package http

import (
	"context"
	"embed"
	"errors"
	nethttp "net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

//go:embed docs/index.html docs/scalar.js docs/LICENSE
var docs embed.FS

const (
	checkTimeout = 3 * time.Second

	// docsPolicy lets the page of the documentation load nothing from elsewhere. Its renderer sets styles by script.
	docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
		"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// registerOperations registers what is for operators and readers, not for clients of the API.
func (s *Server) registerOperations() {
	s.app.Get("/healthz", func(f *fiber.Ctx) error { return f.JSON(Health{"ok"}) })
	s.app.Get("/readyz", s.readyz)
	s.app.Get("/metrics", s.metrics.handler())
	s.registerInbox()
	s.app.Get("/openapi.json", func(f *fiber.Ctx) error {
		f.Set(fiber.HeaderContentType, "application/vnd.oai.openapi+json;version=3.1")
		return f.Send(s.described)
	})
	for path, file := range map[string]struct{ name, kind string }{
		"/docs": {"index.html", "text/html; charset=utf-8"}, "/docs/scalar.js": {"scalar.js", "text/javascript; charset=utf-8"},
		"/docs/LICENSE": {"LICENSE", "text/plain; charset=utf-8"},
	} {
		s.app.Get(path, func(f *fiber.Ctx) error {
			content, err := docs.ReadFile("docs/" + file.name)
			if err != nil {
				return err
			}
			f.Set(fiber.HeaderContentType, file.kind)
			f.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
			f.Set(fiber.HeaderCacheControl, "public, max-age=3600")
			return f.Send(content)
		})
	}
}

// readyz tells whether everything that requests need is there, names what is not, and adds what operators must know.
func (s *Server) readyz(f *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	checks := append([]Check{{"access_index", s.indexReady}, {"issuer", s.Authenticator.Ready}}, s.Checks...)
	failed := make([]error, len(checks))
	var running sync.WaitGroup
	for i, check := range checks {
		running.Go(func() { failed[i] = check.Ready(ctx) })
	}
	running.Wait()
	missing := []string{}
	for i, err := range failed {
		if err != nil {
			missing = append(missing, checks[i].Name)
			s.Logger.Warn("not ready", "check", checks[i].Name, "err", err)
		}
	}
	status := nethttp.StatusOK
	if len(missing) > 0 {
		status = nethttp.StatusServiceUnavailable
		f.Set(fiber.HeaderRetryAfter, "2")
	}
	var notices []string
	if s.Notices != nil {
		notices = s.Notices()
	}
	return f.Status(status).JSON(Readiness{len(missing) == 0, missing, notices})
}

func (s *Server) indexReady(context.Context) error {
	if !s.Index.Ready() {
		return errors.New("the access index has not caught up with the log")
	}
	return nil
}
