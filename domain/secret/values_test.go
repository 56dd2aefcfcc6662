package secret_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/secret"
)

func TestValues(t *testing.T) {
	set := func(version int, n byte) when {
		return func(s state) (events, error) { return secret.SetValue(s, "api_key", version, content(n)) }
	}
	next := func(n byte) when {
		return func(s state) (events, error) {
			return secret.SetValue(s, "api_key", s.NextVersion("api_key"), content(n))
		}
	}
	clearing := func(required bool) when {
		return func(s state) (events, error) { return secret.ClearValue(s, "api_key", required) }
	}
	first := secret.ValueSet{Field: "api_key", ValueVersion: 1, Content: content(1)}
	second := secret.ValueSet{Field: "api_key", ValueVersion: 2, Content: content(2)}
	other := secret.ValueSet{Field: "notes", ValueVersion: 1, Content: content(9)}
	cleared := secret.ValueCleared{Field: "api_key", ValueVersion: 2}
	third := secret.ValueSet{Field: "api_key", ValueVersion: 3, Content: content(3)}
	domaintest.Run(t, secret.Evolve, cases{
		{Name: "a field gets its first value", Given: after(other), When: set(1, 1), Then: events{first}},
		{Name: "and the next one", Given: after(first), When: set(2, 2), Then: events{second}},
		{Name: "every new content is a new value, equal or not", Given: after(first), When: next(2), Then: events{second}, Repeatable: true},
		{Name: "the very same content changes nothing", Given: after(first), When: set(1, 1)},
		{Name: "a value made for an older version is refused", Given: after(first, second), When: set(2, 3), Err: secret.ErrValueChanged},
		{Name: "a value made for a later version is refused", Given: after(first), When: set(3, 3), Err: secret.ErrValueChanged},
		{Name: "a field is cleared, which is a version", Given: after(first), When: clearing(false), Then: events{cleared}},
		{Name: "a cleared field stays so", Given: after(first, cleared), When: clearing(false)},
		{Name: "a field that had no value stays so", Given: given, When: clearing(false)},
		{Name: "a required field keeps its value", Given: after(first), When: clearing(true), Err: secret.ErrRequiredField},
		{Name: "versions go on after a clearing", Given: after(first, cleared), When: set(3, 3), Then: events{third}},
	})

	s := domaintest.Fold(t, secret.Evolve, state{}, after(first, cleared, third))
	for version, want := range map[int]secret.FieldValue{
		1: {Version: 1, Set: true, Content: content(1)},
		2: {Version: 2},
		3: {Version: 3, Set: true, Content: content(3)},
	} {
		got, ok := s.ValueAt("api_key", version)
		if !ok || !equal(got, want) {
			t.Errorf("version %d is %+v, want %+v", version, got, want)
		}
	}
	if !equal(s.Value("api_key"), secret.FieldValue{Version: 3, Set: true, Content: content(3)}) || s.Value("notes").Version != 0 {
		t.Error("the newest version is the value")
	}
	for _, version := range []int{-1, 0, 4} {
		if _, ok := s.ValueAt("api_key", version); ok {
			t.Errorf("there is no version %d", version)
		}
	}
	if _, err := secret.SetValue(s, "api_key", 4, secret.Content{}); err == nil {
		t.Error("a value without content was set")
	}
}

func equal(a, b secret.FieldValue) bool {
	return a.Version == b.Version && a.Set == b.Set && a.Content.ID == b.Content.ID
}
