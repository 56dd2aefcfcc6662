package workspace_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/workspace"
)

func TestKeyEpochs(t *testing.T) {
	opened := workspace.Opened{Name: domain.NewPrivate("W"), Owner: "z:1"}
	open := func(epoch int) func(workspace.State) ([]domain.Event, error) {
		return func(s workspace.State) ([]domain.Event, error) { return workspace.OpenKeyEpoch(s, epoch) }
	}
	retire := func(upTo int) func(workspace.State) ([]domain.Event, error) {
		return func(s workspace.State) ([]domain.Event, error) { return workspace.RetireKeyEpochs(s, upTo) }
	}
	events := func(list ...domain.Event) []domain.Event { return list }
	second, third := workspace.KeyEpochOpened{Epoch: 2}, workspace.KeyEpochOpened{Epoch: 3}
	first := workspace.KeyEpochRetired{Epoch: 1}
	domaintest.Run(t, workspace.Evolve, []domaintest.Case[workspace.State]{
		{Name: "an epoch is opened", Given: events(opened), When: open(2), Then: events(second)},
		{Name: "once", Given: events(opened, second), When: open(2)},
		{Name: "an older one is none", Given: events(opened, third), When: open(2)},
		{Name: "in a workspace only", When: open(2), Err: workspace.ErrNotFound},
		{Name: "the one before is retired", Given: events(opened, second), When: retire(1), Then: events(first)},
		{Name: "once", Given: events(opened, second, first), When: retire(1)},
		{Name: "several are told of in order", Given: events(opened, second, third), When: retire(2),
			Then: events(first, workspace.KeyEpochRetired{Epoch: 2})},
		{Name: "the current one stays", Given: events(opened, second), When: retire(2), Err: domain.Refuse(domain.Conflict, "epoch_in_use", "")},
		{Name: "so does the first", Given: events(opened), When: retire(1), Err: domain.Refuse(domain.Conflict, "epoch_in_use", "")},
		{Name: "in no workspace", When: retire(1), Err: workspace.ErrNotFound},
	})
}
