package workspace_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/live"
	workspaces "github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain"
)

var reader = workspaces.NewAPIKey{Name: "Sync", Permissions: []domain.Permission{domain.SecretsView}}

// known finds the service account that a key lets in.
func known(s *commandstest.Scene, key string) (id uuid.UUID) {
	s.Run.Index.View(func(f live.Facts) {
		if _, found, _, ok := f.Access.ServiceAccount(s.Workspaces.Hasher.APIKey(key)); ok {
			id = found
		}
	})
	return id
}

func TestIssueAPIKey(t *testing.T) {
	s := commandstest.NewScene(t)
	ctx, req := t.Context(), s.By(commandstest.Owner)
	req.Key = "k"
	issued, _, err := s.Workspaces.IssueAPIKey(ctx, req, reader)
	require.NoError(t, err)
	assert.Equal(t, issued.ID, known(s, issued.Key))
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", issued, issued, issued), issued.Key[4:])
	_, _, err = s.Workspaces.IssueAPIKey(ctx, req, reader)
	refused(t, err, domain.Conflict, "already_exists")
	_, _, err = s.Workspaces.IssueAPIKey(ctx, s.By(commandstest.Assignee), reader)
	refused(t, err, domain.Forbidden, "owners_only")
	_, err = s.Workspaces.RevokeAPIKey(ctx, s.By(commandstest.Assignee), issued.ID)
	refused(t, err, domain.Forbidden, "owners_only")
	_, err = s.Workspaces.RevokeAPIKey(ctx, s.By(commandstest.Owner), issued.ID)
	require.NoError(t, err)
	assert.Equal(t, uuid.Nil, known(s, issued.Key), "at once")
	_, _, err = s.Workspaces.IssueAPIKey(ctx, req, reader)
	refused(t, err, domain.Conflict, "already_exists")
}

func TestOneOfManyRepetitionsIssuesAKey(t *testing.T) {
	s := commandstest.NewScene(t)
	req := s.By(commandstest.Owner)
	req.Key = "k"
	var mu sync.Mutex
	var keys []string
	var running sync.WaitGroup
	other := s.Again(t)
	for i := range 6 {
		running.Go(func() {
			issued, _, err := []*commandstest.World{s.World, other}[i%2].Workspaces.IssueAPIKey(t.Context(), req, reader)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				keys = append(keys, issued.Key)
			}
		})
	}
	running.Wait()
	require.Len(t, keys, 1)
	head, err := s.Log.Head(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Run.Index.Wait(t.Context(), head))
	assert.NotEqual(t, uuid.Nil, known(s, keys[0]), "the key that was shown is the one that works")
}
