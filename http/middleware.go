package http

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
)

type correlationKey struct{}

// observe is around everything: it gives each request its correlation id, turns errors and panics into problems, sets the
// headers that every answer has, and counts.
func (s *Server) observe(f *fiber.Ctx) error {
	started := time.Now()
	correlation := correlationOf(f)
	f.Locals(correlationKey{}, correlation)
	body := arrive(f)
	if err := s.guarded(f.Next); err != nil {
		s.fail(f, correlation, err)
	}
	body.leave(f)
	setCommonHeaders(f)
	f.Set(headerRequestID, correlation.String())
	s.metrics.count(f, started)
	return nil
}

// guarded carries out a part of a request. A panic in it becomes an error.
func (s *Server) guarded(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic of type %T\n%s", r, debug.Stack())
		}
	}()
	return do()
}

// correlationOf returns the id that the sender gave the request, if it is a UUID, or a new one.
func correlationOf(f *fiber.Ctx) uuid.UUID {
	if given := f.Get(headerRequestID); len(given) == 36 {
		if id, err := uuid.Parse(given); err == nil {
			return id
		}
	}
	return uuid.New()
}

func setCommonHeaders(f *fiber.Ctx) {
	f.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if len(f.Response().Header.Peek(fiber.HeaderCacheControl)) == 0 {
		f.Set(fiber.HeaderCacheControl, "no-store")
	}
}

// fail answers with a problem and logs what callers are not told.
func (s *Server) fail(f *fiber.Ctx, correlation uuid.UUID, err error) {
	p := problemOf(err)
	if p.cause != nil {
		s.Logger.Error("a request failed", "request", correlation, "code", p.Code, "err", p.cause)
	}
	f.Response().ResetBody()
	if err := p.write(f); err != nil {
		s.Logger.Error("a problem could not be sent", "request", correlation, "err", err)
	}
}

// knownMethods refuses methods that nobody knows, as everything is refused: fiber would do so in its own words.
func (s *Server) knownMethods(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(r *fasthttp.RequestCtx) {
		if slices.Contains(s.app.Config().RequestMethods, string(r.Method())) {
			next(r)
			return
		}
		f := s.app.AcquireCtx(r)
		defer s.app.ReleaseCtx(f)
		s.fail(f, uuid.New(), fiberError(fiber.StatusMethodNotAllowed))
		setCommonHeaders(f)
		r.SetConnectionClose() // a body was not read: its rest would be taken for requests
	}
}

// failBefore answers what fiber refuses before any of our code runs, such as a body that is too large.
func (s *Server) failBefore(f *fiber.Ctx, err error) error {
	setCommonHeaders(f)
	return problemOf(err).write(f)
}

// guard admits requests to the API.
func (s *Server) guard(f *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	f.SetUserContext(ctx)
	correlation, _ := f.Locals(correlationKey{}).(uuid.UUID)
	c, err := s.admit(f, correlation)
	if err != nil {
		return err
	}
	f.Locals(callKey{}, c)
	return f.Next()
}

// readBody reads the body of a change, which is JSON, and has the change carried out once. Routes that take something else
// are registered before it.
func (s *Server) readBody(f *fiber.Ctx) (err error) {
	if f.Method() == fiber.MethodGet {
		return f.Next()
	}
	c, _ := f.Locals(callKey{}).(*call)
	body := bodyOf(f)
	if c.body, err = body.whole(f.Request().Header.ContentLength(), s.BodyLimit); err != nil {
		return err
	}
	if err := checkBody(f, c.body); err != nil {
		return err
	}
	if body.stream != nil { // huma reads it where bodies are streamed; also an empty one must not be read from the connection again
		f.Request().SetBodyStream(bytes.NewReader(c.body), len(c.body))
	}
	return s.once(f, c, func() [32]byte { return s.requestHash(f, c.body) }, f.Next)
}

// checkBody refuses a body that is not plain JSON.
func checkBody(f *fiber.Ctx, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	kind, _, _ := strings.Cut(f.Get(fiber.HeaderContentType), ";")
	encoding := f.Get(fiber.HeaderContentEncoding)
	if !strings.EqualFold(strings.TrimSpace(kind), fiber.MIMEApplicationJSON) || encoding != "" && encoding != "identity" {
		return unsupported(fiber.MIMEApplicationJSON)
	}
	return checkJSON(body)
}

func fiberError(status int) error { return fiber.NewError(status) }
