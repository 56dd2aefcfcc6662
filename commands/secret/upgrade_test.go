package secret_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
)

// revise gives the template a version without the note, that requires a tier beside the key.
func (s scene) revise(t *testing.T) {
	_, err := s.Templates.Revise(t.Context(), s.By(commandstest.Owner), s.template, template.Definition{Name: "Everything", Fields: []template.Field{
		{Key: "api_key", Label: domain.NewPrivate("Key"), Type: template.Text, Required: true, Sensitive: true},
		{Key: "tier", Label: domain.NewPrivate("Tier"), Type: template.Choice, Required: true, Choices: []domain.Private{domain.NewPrivate("gold")}},
		{Key: "region", Label: domain.NewPrivate("Region"), Type: template.Choice, Choices: []domain.Private{domain.NewPrivate("eu")}},
	}})
	require.NoError(t, err)
}

func TestUpgradeSaysWhatItWouldBreak(t *testing.T) {
	s := newScene(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	d := s.draft()
	d.Fields["note"] = "n-1"
	made, err := s.Secrets.Create(ctx, owner, d)
	require.NoError(t, err)
	unchanged, err := s.Secrets.UpgradeTemplate(ctx, owner, made.ID, secrets.Upgrade{})
	require.NoError(t, err)
	assert.False(t, unchanged.Changed, "there is no newer version yet")

	s.revise(t)
	before := s.counts(t)
	at := func(err error) (list []string) {
		var e *domain.Error
		if errors.As(err, &e) {
			for _, d := range e.Details {
				list = append(list, d.Location)
			}
		}
		return list
	}
	upgrade := func(u secrets.Upgrade) error {
		_, err := s.Secrets.UpgradeTemplate(ctx, owner, made.ID, u)
		return err
	}
	err = upgrade(secrets.Upgrade{})
	refused(t, err, domain.Conflict, "upgrade_loses_values")
	assert.Equal(t, []string{"body.fields.note", "body.fields.tier"}, at(err))
	err = upgrade(secrets.Upgrade{ConfirmLoss: true, Fields: map[string]string{"tier": ""}})
	refused(t, err, domain.Conflict, "upgrade_needs_values")
	assert.Equal(t, []string{"body.fields.tier"}, at(err))
	refused(t, upgrade(secrets.Upgrade{ConfirmLoss: true, Fields: map[string]string{"tier": "tin"}}), domain.Invalid, "not_a_choice")
	refused(t, upgrade(secrets.Upgrade{ConfirmLoss: true, Fields: map[string]string{"note": "x"}}), domain.Invalid, "unknown_field")
	assert.Equal(t, before, s.counts(t), "nothing was recorded, nor a value stored that nothing names")

	req := owner
	req.Key = "upgrade"
	done, err := s.Secrets.UpgradeTemplate(ctx, req, made.ID, secrets.Upgrade{ConfirmLoss: true, Fields: map[string]string{"tier": "gold"}})
	require.NoError(t, err)
	events := s.secretEvents(t, made.ID)
	last := events[len(events)-3:]
	assert.Equal(t, []string{"secret.value_cleared.v1", "secret.template_upgraded.v1", "secret.value_set.v1"}, types(last))
	assert.Equal(t, last[0].Meta, last[2].Meta, "one append")
	assert.Equal(t, []string{"n-1", ""}, s.values(t, made.ID, "note"), "its history stays")
	assert.Equal(t, []string{"gold"}, s.values(t, made.ID, "tier"))
	assert.Equal(t, []string{"k-1"}, s.values(t, made.ID, "api_key"))

	after := s.counts(t)
	again, err := s.Again(t).Secrets.UpgradeTemplate(ctx, req, made.ID, secrets.Upgrade{ConfirmLoss: true, Fields: map[string]string{"tier": "gold"}})
	require.NoError(t, err)
	assert.Equal(t, done, again)
	assert.Equal(t, after, s.counts(t))
	_, err = s.Secrets.ClearValue(ctx, owner, made.ID, "note")
	refused(t, err, domain.NotFound, "unknown_field")
}

func TestUpgradeOvertakenByAValue(t *testing.T) {
	s := newScene(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	made, err := s.Secrets.Create(ctx, owner, s.draft())
	require.NoError(t, err)
	s.revise(t)
	s.Log.BeforeAppend(domain.Stream(domain.SecretKind, made.ID), func() {
		_, err := s.Secrets.SetValue(ctx, owner, made.ID, "api_key", "faster")
		assert.NoError(t, err)
	})
	_, err = s.Secrets.UpgradeTemplate(ctx, owner, made.ID, secrets.Upgrade{Fields: map[string]string{"api_key": "slower", "tier": "gold"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"k-1", "faster", "slower"}, s.values(t, made.ID, "api_key"))
}

func TestUpgradeLooksAtChoicesThatMayBeGone(t *testing.T) {
	s := newScene(t)
	ctx, owner := t.Context(), s.By(commandstest.Owner)
	made := map[string]uuid.UUID{}
	for _, region := range []string{"eu", "us"} {
		d := s.draft()
		d.Fields["region"] = region
		r, err := s.Secrets.Create(ctx, owner, d)
		require.NoError(t, err)
		made[region] = r.ID
	}
	s.revise(t) // leaves eu only
	given := secrets.Upgrade{Fields: map[string]string{"tier": "gold"}}
	_, err := s.Secrets.UpgradeTemplate(ctx, owner, made["eu"], given)
	require.NoError(t, err)
	assert.Equal(t, []string{"eu"}, s.values(t, made["eu"], "region"), "kept")
	_, err = s.Secrets.UpgradeTemplate(ctx, owner, made["us"], given)
	refused(t, err, domain.Conflict, "upgrade_loses_values")
	given.Fields["region"] = "eu"
	_, err = s.Secrets.UpgradeTemplate(ctx, owner, made["us"], given)
	require.NoError(t, err, "a new choice replaces it")
}
