package http

import (
	"context"
	"encoding/json"
	"errors"
	nethttp "net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/http/auth"
)

// Problem is an error as callers see it: RFC 9457 problem details with a stable code.
type Problem struct {
	Type   string          `json:"type" doc:"Always about:blank: code says what happened"`
	Title  string          `json:"title" doc:"The status in words"`
	Status int             `json:"status" doc:"The HTTP status"`
	Detail string          `json:"detail" doc:"What happened, for people"`
	Code   string          `json:"code" doc:"What happened, for programs; stable" example:"verification_required"`
	Errors []ProblemDetail `json:"errors,omitempty" doc:"What is wrong with the request; never repeats what was sent"`

	AttemptsLeft *int `json:"attempts_left,omitempty" doc:"Of wrong_code: how often the code may still be tried"`

	retryAfter int   // seconds; 0 for none
	cause      error // to be logged, never shown; nil if the problem says all
}

// ProblemDetail points at one thing that is wrong with a request.
type ProblemDetail struct {
	Location string `json:"location" doc:"Where it is" example:"body.fields.api_key"`
	Message  string `json:"message" doc:"What is wrong"`
}

// Error returns the code.
func (p *Problem) Error() string { return p.Code }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of problem details.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders returns those that the status calls for.
func (p *Problem) GetHeaders() nethttp.Header {
	h := nethttp.Header{}
	if p.retryAfter > 0 {
		h.Set(fiber.HeaderRetryAfter, strconv.Itoa(p.retryAfter))
	}
	if p.Status == nethttp.StatusUnauthorized {
		h.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="client-secrets"`)
	}
	return h
}

const problemType = "application/problem+json"

const (
	retrySoon  = 2  // seconds
	retryLater = 60 // seconds
)

// statuses maps the kinds of refusals.
var statuses = map[domain.Kind]int{
	domain.Malformed:    nethttp.StatusBadRequest,
	domain.Forbidden:    nethttp.StatusForbidden,
	domain.NotFound:     nethttp.StatusNotFound,
	domain.Conflict:     nethttp.StatusConflict,
	domain.Precondition: nethttp.StatusPreconditionFailed,
	domain.TooLarge:     nethttp.StatusRequestEntityTooLarge,
	domain.Invalid:      nethttp.StatusUnprocessableEntity,
	domain.Required:     nethttp.StatusPreconditionRequired,
	domain.TooMany:      nethttp.StatusTooManyRequests,
	domain.Unavailable:  nethttp.StatusServiceUnavailable,
}

// problemOf maps any error to what the caller sees of it. What is not recognised is a bland 500.
func problemOf(err error) *Problem {
	var problem *Problem
	var refusal *domain.Error
	var routing *fiber.Error
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &refusal):
		return refused(refusal, err)
	case errors.Is(err, auth.ErrInvalidToken):
		return newProblem(nethttp.StatusUnauthorized, "not_authenticated", "a valid bearer token is required")
	case errors.Is(err, auth.ErrIssuerUnavailable):
		return unavailable("issuer_unavailable", "the issuer of tokens cannot be reached; retrying is safe", err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable("timeout", "this took too long; retrying is safe", err)
	case errors.As(err, &routing):
		return routed(routing)
	case outOfReach(err):
		return unavailable("database_unavailable", "the database cannot be reached; retrying is safe", err)
	}
	p := newProblem(nethttp.StatusInternalServerError, "internal", "something went wrong on our side")
	p.cause = err
	return p
}

// logProblem logs, of a problem that an operation is answered with, what callers are not told.
func (s *Server) logProblem(ctx huma.Context, _ string, answer any) (any, error) {
	if p, ok := answer.(*Problem); ok && p.cause != nil {
		s.Logger.ErrorContext(ctx.Context(), "a request failed", "request", callOf(ctx.Context()).correlation, "code", p.Code, "err", p.cause)
	}
	return answer, nil
}

func newProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: nethttp.StatusText(status), Status: status, Detail: detail, Code: code}
}

// place begins the detail with the place that it is about: it may be all that somebody reads.
func (p *Problem) place() {
	for _, e := range p.Errors {
		if e.Message == p.Detail && e.Location != "" {
			p.Detail = e.Location + ": " + p.Detail
			return
		}
	}
}

func unavailable(code, detail string, cause error) *Problem {
	p := newProblem(nethttp.StatusServiceUnavailable, code, detail)
	p.retryAfter, p.cause = retrySoon, cause
	return p
}

func refused(e *domain.Error, cause error) *Problem {
	status, known := statuses[e.Kind]
	if !known {
		status = nethttp.StatusInternalServerError
	}
	p := newProblem(status, e.Code, e.Text)
	for _, d := range e.Details {
		p.Errors = append(p.Errors, ProblemDetail{safeLocation(d.Location), d.Message})
	}
	p.place()
	switch e.Kind {
	case domain.Unavailable:
		p.retryAfter, p.cause = retrySoon, cause
	case domain.TooMany:
		p.retryAfter = retryLater
	}
	if e.Wait > 0 {
		p.retryAfter = int((e.Wait + time.Second - 1) / time.Second)
	}
	return p
}

// routed maps what fiber refuses by itself. Its texts hold the path and are not passed on.
func routed(e *fiber.Error) *Problem {
	switch e.Code {
	case nethttp.StatusNotFound:
		return newProblem(e.Code, "not_found", "there is nothing here that you can see")
	case nethttp.StatusMethodNotAllowed:
		return newProblem(e.Code, "method_not_allowed", "this does not take that method")
	case nethttp.StatusRequestEntityTooLarge:
		return newProblem(e.Code, "too_large", "the body is too large")
	case nethttp.StatusRequestHeaderFieldsTooLarge:
		return newProblem(e.Code, "headers_too_large", "the headers are too large")
	case nethttp.StatusRequestTimeout:
		return newProblem(e.Code, "timeout", "the request did not arrive in time")
	case nethttp.StatusUnsupportedMediaType:
		return unsupported(fiber.MIMEApplicationJSON)
	}
	if e.Code >= nethttp.StatusInternalServerError {
		p := newProblem(nethttp.StatusInternalServerError, "internal", "something went wrong on our side")
		p.cause = e
		return p
	}
	return newProblem(nethttp.StatusBadRequest, "malformed", "the request is malformed")
}

// unsupported refuses a body of another media type than is wanted, or a compressed one. Nothing is wanted where any is taken.
func unsupported(wanted string) *Problem {
	p := newProblem(nethttp.StatusUnsupportedMediaType, "unsupported_media_type", "the body must not be compressed")
	if wanted != "" {
		p.Detail = "the body must be " + wanted + ", not compressed"
	}
	return p
}

// write sends the problem as the answer.
func (p *Problem) write(c *fiber.Ctx) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	for name, values := range p.GetHeaders() {
		c.Set(name, values[0])
	}
	c.Set(fiber.HeaderContentType, problemType)
	return c.Status(p.Status).Send(body)
}
