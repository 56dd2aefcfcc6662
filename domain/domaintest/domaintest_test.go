package domaintest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

type renamed struct {
	ID    uuid.UUID
	Name  domain.Private
	Tags  []domain.Private
	Hash  []byte
	Until *time.Time
}

func (renamed) EventType() string { return "test.renamed.v1" }

func evolve(s string, e domain.Event) (string, error) { return e.(renamed).Name.Text, nil }

func rename(name string) func(string) ([]domain.Event, error) {
	return func(s string) ([]domain.Event, error) {
		switch {
		case name == "":
			return nil, domain.ErrTextRequired.With("body.name", "is required")
		case s == name:
			return nil, nil
		}
		return []domain.Event{renamed{Name: domain.NewPrivate(name)}}, nil
	}
}

func TestRun(t *testing.T) {
	bo := []domain.Event{renamed{Name: domain.NewPrivate("Bo")}}
	Run(t, evolve, []Case[string]{
		{Name: "a name is given", When: rename("Bo"), Then: bo},
		{Name: "the same name changes nothing", Given: bo, When: rename("Bo")},
		{Name: "a name is required", When: rename(""), Err: domain.ErrTextRequired, At: []string{"body.name"}},
		{Name: "a repeatable command adds again", Repeatable: true, Then: bo,
			When: func(string) ([]domain.Event, error) { return bo, nil }},
	})
}

func TestDifferencesAreReadable(t *testing.T) {
	until := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	text := describe([]domain.Event{renamed{
		Name: domain.NewPrivate("Bo"), Tags: []domain.Private{domain.NewPrivate("vip")}, Hash: []byte{1}, Until: &until,
	}})
	for _, part := range []string{"test.renamed.v1", `Name:"Bo"`, `"vip"`, "2026-05-01", "00000000-0000"} {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not tell %s", text, part)
		}
	}
	if describe(nil) != "nothing" {
		t.Error("no events are nothing")
	}
}
