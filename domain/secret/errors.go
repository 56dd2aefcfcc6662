package secret

import "github.com/kdesk/client-secrets/domain"

// Bounds of a secret.
const (
	MaxRelated     = 200 // tickets, and as many contacts
	MaxAssignments = 200
	MaxRules       = 50
)

// Refusals of a secret.
var (
	ErrNotFound           = domain.Refuse(domain.NotFound, "secret_not_found", "there is no such secret")
	ErrAlreadyExists      = domain.Refuse(domain.Conflict, "already_exists", "the secret exists already")
	ErrRequiredField      = domain.Refuse(domain.Conflict, "required_field", "a required field keeps a value; set another one instead")
	ErrValueChanged       = domain.Refuse(domain.Conflict, "value_changed", "the value was changed meanwhile; try again")
	ErrRuleExists         = domain.Refuse(domain.Conflict, "already_exists", "another rule has this id")
	ErrOnHold             = domain.Refuse(domain.Conflict, "on_hold", "the secret is under legal hold and cannot be destroyed")
	ErrTooManyTickets     = domain.Refuse(domain.Conflict, "too_many_tickets", "the secret is linked to as many tickets as it may be")
	ErrTooManyContacts    = domain.Refuse(domain.Conflict, "too_many_contacts", "the secret is related to as many contacts as it may be")
	ErrTooManyAssignments = domain.Refuse(domain.Conflict, "too_many_assignments", "the secret has as many assignments as it may have")
	ErrTooManyRules       = domain.Refuse(domain.Conflict, "too_many_rules", "the secret has as many rules as it may have")
)

// ErrNotConfirmed refuses a destruction under another name than the secret's.
var ErrNotConfirmed = domain.Refuse(domain.Invalid, "not_confirmed", "confirm with the secret's very name").
	With("body.confirm", "is not the secret's name")
