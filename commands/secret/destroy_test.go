package secret_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/vault"
)

// requested is the event that requests the destruction of a secret.
func (s scene) requested(t *testing.T, id uuid.UUID) domain.Recorded {
	for _, e := range s.secretEvents(t, id) {
		if _, ok := e.Event.(secret.DestroyRequested); ok {
			return e
		}
	}
	require.Fail(t, "nobody requested it")
	return domain.Recorded{}
}

func TestDestroy(t *testing.T) {
	s := newScene(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	made, err := s.Secrets.Create(ctx, owner, s.draft())
	require.NoError(t, err)
	other := s.counts(t)
	destroy := func(r commands.Request, confirm string) error {
		_, err := s.Secrets.Destroy(ctx, r, made.ID, confirm)
		return err
	}
	_, err = s.Secrets.PlaceHold(ctx, owner, made.ID, "case 7")
	require.NoError(t, err)
	refused(t, destroy(owner, "Full"), domain.Conflict, "on_hold")
	_, err = s.Secrets.ReleaseHold(ctx, owner, made.ID, "")
	require.NoError(t, err)
	refused(t, destroy(owner, "full"), domain.Invalid, "not_confirmed")
	refused(t, destroy(s.By(commandstest.Assignee), "Full"), domain.Forbidden, "permission_missing")

	req := owner
	req.Key = "destroy"
	result, err := s.Secrets.Destroy(ctx, req, made.ID, "Full")
	require.NoError(t, err)
	again, err := s.Secrets.Destroy(ctx, req, made.ID, "Full")
	require.NoError(t, err)
	assert.Equal(t, result, again)

	t.Run("from the request on nothing is shown", func(t *testing.T) {
		refused(t, destroy(owner, "Full"), domain.Conflict, "secret_destroyed")
		refused(t, destroy(s.By(commandstest.Assignee), "Full"), domain.NotFound, "not_found")
		_, err := s.Gate.Reveal(ctx, owner, reveal.Ask{Secret: made.ID, Field: "api_key"})
		refused(t, err, domain.Conflict, "secret_destroyed")
		_, err = s.Gate.Reveal(ctx, s.By(commandstest.Assignee), reveal.Ask{Secret: made.ID, Field: "api_key"})
		refused(t, err, domain.NotFound, "not_found")
		_, err = s.Gate.Reveal(ctx, owner, reveal.Ask{Secret: made.ID, Field: "api_key", ValueVersion: 1})
		refused(t, err, domain.Conflict, "secret_destroyed")
		for name, do := range s.everything(t) {
			err := do(owner, made.ID)
			refused(t, err, domain.Conflict, "secret_destroyed")
			_ = name
		}
	})

	before := time.Now()
	c := s.Secrets
	c.KeyBackups = 35 * 24 * time.Hour
	require.NoError(t, c.CompleteDestruction(ctx, s.requested(t, made.ID)))
	require.NoError(t, c.CompleteDestruction(ctx, s.requested(t, made.ID)), "again changes nothing")
	events := s.secretEvents(t, made.ID)
	done, ok := events[len(events)-1].Event.(secret.Destroyed)
	require.True(t, ok)
	assert.WithinRange(t, done.CompleteAt, before.Add(c.KeyBackups-time.Second), time.Now().Add(c.KeyBackups))
	assert.Equal(t, domain.System, events[len(events)-1].Meta.Actor.Kind)
	created := events[0].Event.(secret.Created)
	assert.Equal(t, domain.ErasedText, created.Name.Text, "its history stays, its texts do not")
	rows := s.VaultRows(t)
	assert.Len(t, rows["values"], other[1]-2, "its ciphertexts are gone")
	_, err = s.Vault.Put(ctx, s.Workspace, domain.Stream(domain.SecretKind, made.ID), []vault.Item{{ContentID: uuid.New(), Field: "api_key", Version: 2, Plain: vault.Secret("x")}})
	assert.ErrorIs(t, err, vault.ErrErased)
	for _, e := range s.secretEvents(t, s.Secret) {
		if c, ok := e.Event.(secret.Created); ok {
			assert.Equal(t, "Tenant", c.Name.Text, "other secrets stay")
		}
	}
}

func TestDestructionIsResumed(t *testing.T) {
	s := newScene(t)
	_, err := s.Secrets.Destroy(t.Context(), s.By(commandstest.Owner), s.Secret, "Tenant")
	require.NoError(t, err)
	requested := s.requested(t, s.Secret)
	later := s.Again(t)

	t.Run("deleted, but that is not on record", func(t *testing.T) {
		stream := domain.Stream(domain.SecretKind, s.Secret)
		s.Log.BeforeAppend(stream, func() { // another instance is faster
			assert.NoError(t, later.Secrets.CompleteDestruction(t.Context(), requested))
		})
		require.NoError(t, s.Secrets.CompleteDestruction(t.Context(), requested))
		events := s.secretEvents(t, s.Secret)
		assert.Equal(t, "secret.destroyed.v1", events[len(events)-1].Event.EventType())
		assert.Equal(t, "secret.destroy_requested.v1", events[len(events)-2].Event.EventType(), "once")
	})
	s.CutDatabase()
	assert.Error(t, s.Secrets.CompleteDestruction(t.Context(), requested), "the vault is away")
}

func TestHold(t *testing.T) {
	s := newScene(t)
	before := len(s.secretEvents(t, s.Secret))
	_, err := s.Secrets.PlaceHold(t.Context(), s.By(commandstest.Owner), s.Secret, "n33dle of a hold")
	require.NoError(t, err)
	_, err = s.Secrets.ReleaseHold(t.Context(), s.By(commandstest.Owner), s.Secret, "n33dle of a release")
	require.NoError(t, err)
	assert.Len(t, s.secretEvents(t, s.Secret), before+2)
	for _, r := range s.Stored(t) {
		assert.NotContains(t, string(r.Data), "n33dle")
	}
}
