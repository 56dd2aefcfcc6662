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
		return failedRequest(nil, status, message, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		return failedRequest(ctx.Operation(), status, message, errs)
	}
}

// failedRequest tells what is wrong with a request from what is wrong on our side.
func failedRequest(op *huma.Operation, status int, message string, errs []error) *Problem {
	if status >= nethttp.StatusInternalServerError {
		return problemOf(errors.Join(append(errs, errors.New(message))...))
	}
	return invalidRequest(op, status, errs)
}

// invalidRequest says what is wrong with a request, without a word of what was sent: messages are ours, and locations name
// what the operation knows.
func invalidRequest(op *huma.Operation, status int, errs []error) *Problem {
	if status == nethttp.StatusUnsupportedMediaType || status == nethttp.StatusRequestEntityTooLarge {
		return problemOf(fiberError(status))
	}
	p := newProblem(nethttp.StatusUnprocessableEntity, "", "")
	for _, err := range errs {
		var d *huma.ErrorDetail
		if !errors.As(err, &d) {
			continue
		}
		f := findingOf(d)
		p.Errors = append(p.Errors, ProblemDetail{knownLocation(op, d.Location+f.within), f.message})
		if p.Code == "" || f.status < p.Status {
			p.Status, p.Code, p.Detail = f.status, f.code, f.message
		}
	}
	if p.Code == "" {
		p.Status, p.Code, p.Detail = nethttp.StatusBadRequest, "malformed", "the request is malformed or its body is missing"
	}
	p.Title = nethttp.StatusText(p.Status)
	p.place()
	return p
}

type finding struct {
	status  int
	code    string
	message string
	within  string // what of the location it is about, if it is a part
}

// findingOf words what huma's validation found.
func findingOf(d *huma.ErrorDetail) finding {
	root, _, _ := strings.Cut(d.Location, ".")
	if root == "path" || root == "query" || root == "header" || root == "cookie" {
		return finding{status: nethttp.StatusBadRequest, code: "invalid_parameter", message: parameterMessage(d.Message)}
	}
	switch m := d.Message; {
	case m == "unexpected property":
		return finding{status: nethttp.StatusUnprocessableEntity, code: "unknown_field", message: "there is no such field"}
	case strings.HasPrefix(m, absent):
		name, _, _ := strings.Cut(strings.TrimPrefix(m, absent), " ")
		return finding{nethttp.StatusUnprocessableEntity, "field_required", "is required", "." + name}
	case wrongType[m]:
		return finding{status: nethttp.StatusBadRequest, code: "wrong_type", message: m}
	case strings.HasPrefix(m, "expected"):
		return finding{status: nethttp.StatusUnprocessableEntity, code: "invalid", message: ourWords(m)}
	}
	return finding{status: nethttp.StatusBadRequest, code: "malformed", message: "is malformed"}
}

const absent = "expected required property " // its name follows

// parameterMessage words what is wrong with a parameter: what the schema allows, if that is what it breaks.
func parameterMessage(m string) string {
	switch {
	case m == "unknown query parameter":
		return "there is no such parameter"
	case strings.HasPrefix(m, "expected"):
		return ourWords(m)
	}
	return "is not valid here"
}

var wrongType = map[string]bool{"expected boolean": true, "expected number": true, "expected integer": true,
	"expected string": true, "expected array": true, "expected object": true}

// ourWords cuts off what a parser had to say: it may quote its input. What comes before is from the schema.
func ourWords(message string) string {
	before, _, _ := strings.Cut(message, ": ")
	return before
}

const schemasOf = "schemas" // in an operation's metadata: the registry that its schemas refer to

// knownLocation cuts a location before the first part that the operation's description does not name: it may be something
// secret in the wrong place.
func knownLocation(op *huma.Operation, location string) string {
	root, rest, deeper := strings.Cut(location, ".")
	if !deeper || op == nil {
		return root
	}
	if root != "body" {
		for _, p := range op.Parameters {
			if p.In == root && p.Name == rest {
				return location
			}
		}
		return root
	}
	registry, _ := op.Metadata[schemasOf].(huma.Registry)
	if registry == nil || op.RequestBody == nil || op.RequestBody.Content[jsonType] == nil {
		return root
	}
	schema := op.RequestBody.Content[jsonType].Schema
	for name := range strings.SplitSeq(rest, ".") {
		if schema = within(registry, schema, name); schema == nil {
			return root
		}
		root += "." + name
	}
	return root
}

const jsonType = "application/json"

// takesJSON is as much of an operation as locations in a JSON body of a schema take.
func takesJSON(registry huma.Registry, schema *huma.Schema) *huma.Operation {
	return &huma.Operation{
		RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{jsonType: {Schema: schema}}},
		Metadata:    map[string]any{schemasOf: registry},
	}
}

var indices = regexp.MustCompile(`(\[[0-9]{1,6}\])+$`)

// within returns the schema of a property, or of an item of it such as tickets[3]; nil if there is none.
func within(registry huma.Registry, schema *huma.Schema, name string) *huma.Schema {
	index := indices.FindString(name)
	schema = resolved(registry, schema).Properties[strings.TrimSuffix(name, index)]
	for range strings.Count(index, "[") {
		if schema = resolved(registry, schema).Items; schema == nil {
			return nil
		}
	}
	return schema
}

func resolved(registry huma.Registry, schema *huma.Schema) *huma.Schema {
	if schema != nil && schema.Ref != "" {
		schema = registry.SchemaFromRef(schema.Ref)
	}
	if schema == nil {
		return &huma.Schema{}
	}
	return schema
}

var safeSegment = regexp.MustCompile(`^[a-z0-9_]{1,64}(\[[0-9]{1,6}\])*$`)

// safeLocation cuts a location of ours before the first part that could be something other than a field's name.
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
