// Package domaintest runs tables of sentences about an aggregate: given these events, when this is asked, then these
// events follow, or this refusal. It knows no aggregate and no store.
package domaintest

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/kdesk/client-secrets/domain"
)

// Case is one sentence.
type Case[S any] struct {
	Name  string
	Given []domain.Event // what happened before
	When  func(S) ([]domain.Event, error)
	Then  []domain.Event // what follows; nil for nothing
	Err   error          // the refusal, compared with errors.Is
	At    []string       // locations that the refusal names, all of them, in order; nil is not checked

	// Repeatable allows the same command to add events again.
	Repeatable bool
}

// Run runs every case. It also decides twice on one state (what a retry does), folds the new events back, makes sure
// that this left the earlier state as it was, and repeats the command, which must add nothing unless it is Repeatable.
func Run[S any](t *testing.T, evolve func(S, domain.Event) (S, error), cases []Case[S]) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { c.run(t, evolve) })
	}
}

func (c Case[S]) run(t *testing.T, evolve func(S, domain.Event) (S, error)) {
	var zero S
	before := Fold(t, evolve, zero, c.Given)
	events, err := c.When(before)
	c.checkRefusal(t, err)
	expect(t, "events", c.Then, events)

	again, err := c.When(before)
	c.checkRefusal(t, err)
	expect(t, "events when decided again", events, again)

	after := Fold(t, evolve, before, events)
	if !reflect.DeepEqual(Fold(t, evolve, zero, c.Given), before) {
		t.Errorf("folding the new events changed the state before them")
	}
	if !reflect.DeepEqual(Fold(t, evolve, zero, slices.Concat(c.Given, events)), after) {
		t.Errorf("folding everything at once and in two steps differ")
	}
	if repeated, _ := c.When(after); len(repeated) > 0 && !c.Repeatable {
		t.Errorf("repeated, the command added %d events: %s", len(repeated), describe(repeated))
	}
}

func (c Case[S]) checkRefusal(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, c.Err) || (c.Err == nil) != (err == nil) {
		t.Fatalf("refused with %v, want %v", err, c.Err)
	}
	if c.At == nil {
		return
	}
	var refusal *domain.Error
	var at []string
	if errors.As(err, &refusal) {
		for _, d := range refusal.Details {
			at = append(at, d.Location)
		}
	}
	if !slices.Equal(c.At, at) {
		t.Errorf("the refusal points at %q, want %q", at, c.At)
	}
}

// Fold returns the state after events.
func Fold[S any](t *testing.T, evolve func(S, domain.Event) (S, error), s S, events []domain.Event) S {
	t.Helper()
	for _, e := range events {
		var err error
		if s, err = evolve(s, e); err != nil {
			t.Fatalf("folding a %s: %v", e.EventType(), err)
		}
	}
	return s
}

// Unknown is an event that no aggregate knows.
type Unknown struct{}

// EventType returns a name that is in no catalogue.
func (Unknown) EventType() string { return "test.unknown.v1" }

// RefusesUnknown fails the test if evolve takes an event it cannot know.
func RefusesUnknown[S any](t *testing.T, evolve func(S, domain.Event) (S, error)) {
	t.Helper()
	var zero S
	if _, err := evolve(zero, Unknown{}); err == nil {
		t.Error("an unknown event was folded")
	}
}

func expect(t *testing.T, what string, want, got []domain.Event) {
	t.Helper()
	if len(want) == 0 && len(got) == 0 || reflect.DeepEqual(want, got) {
		return
	}
	t.Errorf("%s differ\nwant %s\n got %s", what, describe(want), describe(got))
}
