package workspace_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/workspace"
)

var opened = workspace.Opened{Name: domain.NewPrivate("Acme"), Owner: "zendesk:1"}

func open(name, owner string) func(workspace.State) ([]domain.Event, error) {
	return func(s workspace.State) ([]domain.Event, error) { return workspace.Open(s, name, owner) }
}

func TestOpen(t *testing.T) {
	domaintest.Run(t, workspace.Evolve, []domaintest.Case[workspace.State]{
		{Name: "a workspace opens with its first owner", When: open(" Acme ", "zendesk:1"), Then: []domain.Event{opened}},
		{Name: "an open workspace is not opened again", Given: []domain.Event{opened}, When: open("Acme", "zendesk:1"),
			Err: workspace.ErrAlreadyExists},
		{Name: "a name and an owner are required", When: open(" ", "me"), Err: domain.ErrTextRequired,
			At: []string{"body.name", "body.owner"}},
	})
}

func TestEvolve(t *testing.T) {
	domaintest.RefusesUnknown(t, workspace.Evolve)
	s := domaintest.Fold(t, workspace.Evolve, workspace.State{}, []domain.Event{
		opened, workspace.KeyEpochOpened{Epoch: 1}, workspace.KeyEpochOpened{Epoch: 2}, workspace.KeyEpochRetired{Epoch: 1},
	})
	if s.Epoch != 2 || s.Settings != workspace.Defaults() || s.Settings.Enabled {
		t.Errorf("a new workspace has the default settings and its newest epoch, not %+v", s)
	}
}
