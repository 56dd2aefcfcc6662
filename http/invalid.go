package http

import (
	"errors"
	nethttp "net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kdesk/client-secrets/domain"
)

// huma makes its own errors of what it finds wrong with a request; these take their place everywhere.
func init() {
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return invalidRequest(status, errs)
	}
	huma.NewErrorWithContext = func(_ huma.Context, status int, message string, errs ...error) huma.StatusError {
		return invalidRequest(status, errs)
	}
}

// invalidRequest says what is wrong with a request, without a word of what was sent: messages are ours.
func invalidRequest(status int, errs []error) *Problem {
	switch {
	case status >= nethttp.StatusInternalServerError:
		return problemOf(errors.Join(errs...))
	case status == nethttp.StatusUnsupportedMediaType, status == nethttp.StatusRequestEntityTooLarge:
		return problemOf(fiberError(status))
	}
	p := newProblem(nethttp.StatusUnprocessableEntity, "", "")
	for _, err := range errs {
		var d *huma.ErrorDetail
		if !errors.As(err, &d) {
			continue
		}
		f := findingOf(d)
		p.Errors = append(p.Errors, ProblemDetail{safeLocation(d.Location), f.message})
		if p.Code == "" || f.status < p.Status {
			p.Status, p.Code, p.Detail = f.status, f.code, f.message
		}
	}
	if p.Code == "" {
		p.Status, p.Code, p.Detail = nethttp.StatusBadRequest, "malformed", "the request is malformed or its body is missing"
	}
	p.Title = nethttp.StatusText(p.Status)
	return p
}

type finding struct {
	status  int
	code    string
	message string
}

// findingOf words what huma's validation found.
func findingOf(d *huma.ErrorDetail) finding {
	root, _, _ := strings.Cut(d.Location, ".")
	if root == "path" || root == "query" || root == "header" || root == "cookie" {
		return finding{nethttp.StatusBadRequest, "invalid_parameter", "is not valid here"}
	}
	switch m := d.Message; {
	case m == "unexpected property":
		return finding{nethttp.StatusUnprocessableEntity, "unknown_field", "there is no such field"}
	case strings.HasPrefix(m, "expected required property"):
		return finding{nethttp.StatusUnprocessableEntity, "field_required", ourWords(m)}
	case wrongType[m]:
		return finding{nethttp.StatusBadRequest, "wrong_type", m}
	case strings.HasPrefix(m, "expected"):
		return finding{nethttp.StatusUnprocessableEntity, "invalid", ourWords(m)}
	}
	return finding{nethttp.StatusBadRequest, "malformed", "is malformed"}
}

var wrongType = map[string]bool{"expected boolean": true, "expected number": true, "expected integer": true,
	"expected string": true, "expected array": true, "expected object": true}

// ourWords cuts off what a parser had to say: it may quote its input. What comes before is from the schema.
func ourWords(message string) string {
	before, _, _ := strings.Cut(message, ": ")
	return before
}

var safeSegment = regexp.MustCompile(`^[a-z0-9_]{1,64}(\[[0-9]{1,6}\])*$`)

// safeLocation cuts a location before the first part that could be something other than a field's name.
func safeLocation(location string) string {
	parts := strings.Split(location, ".")
	for i, part := range parts {
		if !safeSegment.MatchString(part) {
			return strings.Join(parts[:i], ".")
		}
	}
	return location
}

// malformed returns a refusal of something that cannot be read.
func malformed(code, text, location string) error {
	return domain.Refuse(domain.Malformed, code, text).With(location, text)
}
