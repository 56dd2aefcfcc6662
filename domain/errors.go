package domain

import (
	"fmt"
	"time"
)

// Kind classes refusals; http maps each to one status.
type Kind string

// The kinds of refusals.
const (
	Malformed    Kind = "malformed"    // 400
	Forbidden    Kind = "forbidden"    // 403
	NotFound     Kind = "not_found"    // 404: not there or not visible
	Conflict     Kind = "conflict"     // 409
	Precondition Kind = "precondition" // 412
	TooLarge     Kind = "too_large"    // 413
	Invalid      Kind = "invalid"      // 422
	Required     Kind = "required"     // 428
	TooMany      Kind = "too_many"     // 429
	Unavailable  Kind = "unavailable"  // 503
)

// Detail points at one thing that is wrong with a request, without repeating what was sent.
type Detail struct {
	Location string // such as "body.fields.api_key"
	Message  string
}

// Error is a refusal that a caller can act on. Code is stable; Text is for people and holds nothing that was submitted.
type Error struct {
	Kind    Kind
	Code    string
	Text    string
	Details []Detail
	Wait    time.Duration // until trying again makes sense; 0 if that is not known
}

// Error returns the text with its code.
func (e *Error) Error() string { return fmt.Sprintf("%s (%s)", e.Text, e.Code) }

// Is makes errors.Is compare refusals by kind and code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Code == e.Code
}

// With returns a copy of e that points at what is wrong.
func (e *Error) With(location, message string) *Error {
	c := *e
	c.Details = append(append([]Detail(nil), e.Details...), Detail{location, message})
	return &c
}

// After returns a copy of e that says how long to wait.
func (e *Error) After(wait time.Duration) *Error {
	c := *e
	c.Wait = wait
	return &c
}

// Refuse returns a refusal.
func Refuse(kind Kind, code, text string) *Error { return &Error{Kind: kind, Code: code, Text: text} }
