package template

import "github.com/kdesk/client-secrets/domain"

// Refusals of a template.
var (
	ErrNotFound      = domain.Refuse(domain.NotFound, "template_not_found", "there is no such template")
	ErrAlreadyExists = domain.Refuse(domain.Conflict, "already_exists", "the template exists already")
	ErrArchived      = domain.Refuse(domain.Conflict, "template_archived", "the template is archived")
)

// Create starts a template at version 1.
func Create(s State, d Definition) ([]domain.Event, error) {
	if s.Exists {
		return nil, ErrAlreadyExists
	}
	d, err := d.check(nil)
	if err != nil {
		return nil, err
	}
	return []domain.Event{Created{
		Name: domain.NewPrivate(d.Name), Description: domain.NewPrivate(d.Description), Fields: d.Fields,
	}}, nil
}

// Revise gives the template its next version, whole. The same definition again changes nothing. A key keeps its type
// for ever, also while no version has it: secrets made from older versions hold values of that type.
func Revise(s State, d Definition) ([]domain.Event, error) {
	if !s.Exists {
		return nil, ErrNotFound
	}
	d, err := d.check(s.Types)
	if err != nil {
		return nil, err
	}
	if s.Name.Text == d.Name && s.Description.Text == d.Description && sameFields(s.Fields(), d.Fields) {
		return nil, nil
	}
	return []domain.Event{Revised{
		Version: s.Version() + 1, Name: domain.NewPrivate(d.Name), Description: domain.NewPrivate(d.Description), Fields: d.Fields,
	}}, nil
}

// Archive hides the template from those who make secrets. Archiving twice changes nothing.
func Archive(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case s.Archived:
		return nil, nil
	}
	return []domain.Event{Archived{}}, nil
}

// Restore ends that. Restoring twice changes nothing.
func Restore(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case !s.Archived:
		return nil, nil
	}
	return []domain.Event{Restored{}}, nil
}
