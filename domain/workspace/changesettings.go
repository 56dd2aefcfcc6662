package workspace

import "github.com/kdesk/client-secrets/domain"

// ChangeSettings changes the settings that c names. The event holds only those that are different from now; if none
// is, nothing happens.
func ChangeSettings(s State, c SettingsChanged) ([]domain.Event, error) {
	if !s.Exists {
		return nil, ErrNotFound
	}
	if err := checkSettings(c); err != nil {
		return nil, err
	}
	now := s.Settings
	changed := SettingsChanged{
		Enabled:            different(now.Enabled, c.Enabled),
		RevealVerification: different(now.RevealVerification, c.RevealVerification),
		ExpiredReveals:     different(now.ExpiredReveals, c.ExpiredReveals),
		Reason:             different(now.Reason, c.Reason),
		RemaskSeconds:      different(now.RemaskSeconds, c.RemaskSeconds),
		RevealLimitPerHour: different(now.RevealLimitPerHour, c.RevealLimitPerHour),
	}
	if changed == (SettingsChanged{}) {
		return nil, nil
	}
	return []domain.Event{changed}, nil
}

func checkSettings(c SettingsChanged) error {
	var p domain.Problems
	if c.RevealVerification != nil && !within(c.RevealVerification.UnlockMinutes, 1, 1440) {
		p.Add("out_of_range", "body.reveal_verification.unlock_minutes", "must be 1 to 1440")
	}
	if c.RemaskSeconds != nil && !within(*c.RemaskSeconds, 5, 600) {
		p.Add("out_of_range", "body.remask_seconds", "must be 5 to 600")
	}
	if c.RevealLimitPerHour != nil && !within(*c.RevealLimitPerHour, 0, 100_000) {
		p.Add("out_of_range", "body.reveal_limit_per_hour", "must be 0 (no limit) to 100000")
	}
	if c.ExpiredReveals != nil {
		switch *c.ExpiredReveals {
		case ManagersWithConfirmation, Confirmation, Blocked:
		default:
			p.Add("unknown_choice", "body.expired_reveals", "must be managers_with_confirmation, confirmation or blocked")
		}
	}
	if c.Reason != nil {
		switch *c.Reason {
		case ReasonOff, ReasonOptional, ReasonRequired:
		default:
			p.Add("unknown_choice", "body.reason", "must be off, optional or required")
		}
	}
	return p.Err()
}

func within(n, low, high int) bool { return n >= low && n <= high }

// different returns a copy of value if it is set and not what is now.
func different[T comparable](now T, value *T) *T {
	if value == nil || *value == now {
		return nil
	}
	v := *value
	return &v
}
