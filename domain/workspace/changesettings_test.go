package workspace_test

import (
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/workspace"
)

func ptr[T any](v T) *T { return &v }

func change(c workspace.SettingsChanged) func(workspace.State) ([]domain.Event, error) {
	return func(s workspace.State) ([]domain.Event, error) { return workspace.ChangeSettings(s, c) }
}

func TestChangeSettings(t *testing.T) {
	given := []domain.Event{opened}
	outOfRange := domain.Refuse(domain.Invalid, "out_of_range", "")
	domaintest.Run(t, workspace.Evolve, []domaintest.Case[workspace.State]{
		{Name: "an unknown workspace has no settings", When: change(workspace.SettingsChanged{Enabled: ptr(true)}),
			Err: workspace.ErrNotFound},
		{Name: "the module is switched on", Given: given, When: change(workspace.SettingsChanged{Enabled: ptr(true)}),
			Then: []domain.Event{workspace.SettingsChanged{Enabled: ptr(true)}}},
		{Name: "only what is different is recorded", Given: given,
			When: change(workspace.SettingsChanged{
				Enabled: ptr(false), RemaskSeconds: ptr(60), Reason: ptr(workspace.ReasonOptional),
				ExpiredReveals:     ptr(workspace.Blocked),
				RevealVerification: &workspace.Verification{Required: true, UnlockMinutes: 15},
			}),
			Then: []domain.Event{workspace.SettingsChanged{
				RemaskSeconds: ptr(60), ExpiredReveals: ptr(workspace.Blocked),
				RevealVerification: &workspace.Verification{Required: true, UnlockMinutes: 15},
			}}},
		{Name: "nothing asked, nothing changed", Given: given, When: change(workspace.SettingsChanged{})},
		{Name: "the bounds are inclusive", Given: given,
			When: change(workspace.SettingsChanged{
				RemaskSeconds: ptr(5), RevealLimitPerHour: ptr(100_000), RevealVerification: &workspace.Verification{UnlockMinutes: 1440},
			}),
			Then: []domain.Event{workspace.SettingsChanged{
				RemaskSeconds: ptr(5), RevealLimitPerHour: ptr(100_000), RevealVerification: &workspace.Verification{UnlockMinutes: 1440},
			}}},
		{Name: "everything wrong is told at once", Given: given,
			When: change(workspace.SettingsChanged{
				Enabled: ptr(true), RemaskSeconds: ptr(601), RevealLimitPerHour: ptr(-1),
				RevealVerification: &workspace.Verification{UnlockMinutes: 0},
				ExpiredReveals:     ptr(workspace.ExpiredReveals("never")), Reason: ptr(workspace.ReasonRule("")),
			}),
			Err: outOfRange,
			At: []string{"body.reveal_verification.unlock_minutes", "body.remask_seconds", "body.reveal_limit_per_hour",
				"body.expired_reveals", "body.reason"}},
	})
}
