package http

import (
	"context"
	nethttp "net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/http/auth"
	"github.com/kdesk/client-secrets/http/scim"
)

const (
	scimPath = "/scim/v2" // the workspace is the API key's
	scimType = "application/scim+json"
)

// provision answers the SCIM requests of an identity provider. Its sender is let in before anything of a body is read.
func (s *Server) provision(f *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	f.SetUserContext(ctx)
	correlation, _ := f.Locals(correlationKey{}).(uuid.UUID)
	a, err := s.scimAnswer(ctx, f, correlation)
	f.Set(fiber.HeaderContentType, scimType)
	if err != nil {
		return s.failSCIM(f, correlation, err)
	}
	for _, name := range []string{fiber.HeaderETag, fiber.HeaderLocation} {
		if value := a.Header.Get(name); value != "" {
			f.Set(name, value)
		}
	}
	return f.Status(a.Status).Send(a.Body)
}

func (s *Server) scimAnswer(ctx context.Context, f *fiber.Ctx, correlation uuid.UUID) (a scim.Answer, err error) {
	c, err := s.admitService(ctx, f, correlation)
	if err != nil {
		return a, err
	}
	var body []byte
	if f.Method() != fiber.MethodGet {
		if body, err = scimBody(f, s.BodyLimit); err != nil {
			return a, err
		}
	}
	caller := &scim.Caller{
		Request: c.request(), Endpoint: scimPath,
		Changed: func(r commands.Result) {
			s.written.note(c, uint64(r.Position))
			f.Set(headerPosition, s.positions.token(uint64(r.Position)))
		},
		Await: func(ctx context.Context) error { return c.awaitAll(ctx, directoryModel...) },
	}
	path := strings.TrimPrefix(f.Path(), scimPath)
	return s.scim.Serve(ctx, caller, f.Method(), path, string(f.Request().URI().QueryString()), body)
}

// admitService finds out which service account sends a request. Its key says which workspace it is about.
func (s *Server) admitService(ctx context.Context, f *fiber.Ctx, correlation uuid.UUID) (*call, error) {
	if !s.Index.Ready() {
		return nil, errStarting
	}
	c := &call{server: s, correlation: correlation}
	var err error
	if c.principal, err = s.Authenticator.Authenticate(ctx, f.Get(fiber.HeaderAuthorization)); err != nil {
		return nil, err
	}
	if c.principal.KeyHash == nil {
		return nil, auth.ErrInvalidToken
	}
	c.view(func(x *access.Index) {
		c.workspace, _, _, _ = x.ServiceAccount(c.principal.KeyHash)
		c.actor, err = c.actorIn(x)
	})
	if err != nil {
		return nil, err
	}
	return c, c.require(domain.DirectoryManage)
}

// awaitAll waits until read models have all that the log holds now, whichever instance recorded it.
func (c *call) awaitAll(ctx context.Context, models ...string) error {
	head, err := c.server.Members.Run.Log.Head(ctx)
	if err != nil {
		return commands.LogFailure(err)
	}
	c.minimum = uint64(head)
	_, err = c.await(ctx, models...)
	return err
}

// scimBody reads a body of JSON, by either of its names.
func scimBody(f *fiber.Ctx, limit int) ([]byte, error) {
	body, err := bodyOf(f).whole(f.Request().Header.ContentLength(), limit)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	kind, _, _ := strings.Cut(f.Get(fiber.HeaderContentType), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if encoding := f.Get(fiber.HeaderContentEncoding); kind != scimType && kind != fiber.MIMEApplicationJSON || encoding != "" && encoding != "identity" {
		return nil, unsupported(scimType)
	}
	return body, checkJSON(body)
}

// failSCIM answers with an error as SCIM has them.
func (s *Server) failSCIM(f *fiber.Ctx, correlation uuid.UUID, err error) error {
	p := problemOf(err)
	if p.cause != nil {
		s.Logger.Error("a request failed", "request", correlation, "code", p.Code, "err", p.cause)
	}
	status, kind, detail := p.Status, "", p.Detail+" ("+p.Code+")"
	for _, e := range p.Errors {
		detail += "; " + e.Message
	}
	if status == nethttp.StatusUnprocessableEntity { // SCIM knows no other for a value that is wrong
		status, kind = nethttp.StatusBadRequest, "invalidValue"
	}
	for name, values := range p.GetHeaders() {
		f.Set(name, values[0])
	}
	return f.Status(status).Send(scim.Error(status, kind, detail))
}
