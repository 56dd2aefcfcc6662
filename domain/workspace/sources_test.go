package workspace_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/workspace"
)

func TestSources(t *testing.T) {
	one, two := uuid.MustParse("0190a000-0000-7000-8000-00000000000a"), uuid.MustParse("0190a000-0000-7000-8000-00000000000b")
	content := workspace.Content{ID: uuid.MustParse("0190a000-0000-7000-8000-00000000000c"), KeyID: "1", Alg: "a", SHA256: hash}
	configure := func(source workspace.Source, id uuid.UUID, fetches bool) func(workspace.State) ([]domain.Event, error) {
		return func(s workspace.State) ([]domain.Event, error) {
			return workspace.ConfigureSource(s, source, id, content, fetches)
		}
	}
	remove := func(source workspace.Source) func(workspace.State) ([]domain.Event, error) {
		return func(s workspace.State) ([]domain.Event, error) { return workspace.RemoveSource(s, source) }
	}
	configured := workspace.SourceConfigured{Source: workspace.Zendesk, ID: one, Content: content}
	renewed := workspace.SourceConfigured{Source: workspace.Zendesk, ID: two, Replaces: one, Fetches: true, Content: content}
	removed := workspace.SourceRemoved{Source: workspace.Zendesk, ID: one}
	given := []domain.Event{opened, configured}
	domaintest.Run(t, workspace.Evolve, []domaintest.Case[workspace.State]{
		{Name: "a helpdesk is let in", Given: given[:1], When: configure(workspace.Zendesk, one, false), Then: []domain.Event{configured}},
		{Name: "a new configuration names the one it replaces", Given: given, When: configure(workspace.Zendesk, two, true),
			Then: []domain.Event{renewed}},
		{Name: "each source is configured by itself", Given: given, When: configure(workspace.Zammad, two, false),
			Then: []domain.Event{workspace.SourceConfigured{Source: workspace.Zammad, ID: two, Content: content}}},
		{Name: "one that does not sign needs a token", Given: given, When: configure(workspace.Freshdesk, two, false), Err: workspace.ErrTokenRequired},
		{Name: "with one it is let in", Given: given[:1], When: configure(workspace.Freshdesk, two, true),
			Then: []domain.Event{workspace.SourceConfigured{Source: workspace.Freshdesk, ID: two, Fetches: true, Content: content}}},
		{Name: "an unknown source is refused", Given: given, When: configure("jira", two, true), Err: workspace.ErrSourceNotFound},
		{Name: "so is one of no workspace", When: configure(workspace.Zendesk, one, true), Err: workspace.ErrNotFound},
		{Name: "a source is removed", Given: given, When: remove(workspace.Zendesk), Then: []domain.Event{removed}},
		{Name: "one that is not configured is not", Given: given, When: remove(workspace.Zammad)},
		{Name: "nor one that is none", Given: given, When: remove("jira"), Err: workspace.ErrSourceNotFound},
		{Name: "what was removed is not replaced", Given: append(given[:2:2], removed), When: configure(workspace.Zendesk, two, false),
			Then: []domain.Event{workspace.SourceConfigured{Source: workspace.Zendesk, ID: two, Content: content}}},
	})
}
