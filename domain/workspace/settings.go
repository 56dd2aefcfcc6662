package workspace

// ExpiredReveals says who may reveal a field of an expired secret.
type ExpiredReveals string

// The rules for expired secrets.
const (
	ManagersWithConfirmation ExpiredReveals = "managers_with_confirmation"
	Confirmation             ExpiredReveals = "confirmation"
	Blocked                  ExpiredReveals = "blocked"
)

// ReasonRule says whether a reveal has to give a reason.
type ReasonRule string

// The rules for reasons.
const (
	ReasonOff      ReasonRule = "off"
	ReasonOptional ReasonRule = "optional"
	ReasonRequired ReasonRule = "required"
)

// Verification is the emailed code that unlocks reveals.
type Verification struct {
	Required      bool `json:"required"`
	UnlockMinutes int  `json:"unlock_minutes"`
}

// Settings are those of a workspace.
type Settings struct {
	Enabled            bool
	RevealVerification Verification
	ExpiredReveals     ExpiredReveals
	Reason             ReasonRule
	RemaskSeconds      int
	RevealLimitPerHour int // 0 is no limit
}

// Defaults returns the settings of a new workspace: everything off or at its safest.
func Defaults() Settings {
	return Settings{
		RevealVerification: Verification{UnlockMinutes: 15},
		ExpiredReveals:     ManagersWithConfirmation,
		Reason:             ReasonOptional,
		RemaskSeconds:      30,
	}
}

// With returns the settings after a change.
func (s Settings) With(c SettingsChanged) Settings {
	set(&s.Enabled, c.Enabled)
	set(&s.RevealVerification, c.RevealVerification)
	set(&s.ExpiredReveals, c.ExpiredReveals)
	set(&s.Reason, c.Reason)
	set(&s.RemaskSeconds, c.RemaskSeconds)
	set(&s.RevealLimitPerHour, c.RevealLimitPerHour)
	return s
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}
