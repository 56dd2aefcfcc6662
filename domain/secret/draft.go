package secret

import (
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// complete fails if a caller left out what nobody outside submits.
func (d Draft) complete() error {
	if d.Template == uuid.Nil || d.TemplateVersion < 1 {
		return errors.New("creating a secret: its template is missing")
	}
	fields := make(map[string]bool, len(d.Values))
	for _, v := range d.Values {
		if fields[v.Field] || !v.Content.complete() {
			return errors.New("creating a secret: a value has no content or comes twice")
		}
		fields[v.Field] = true
	}
	for _, f := range d.Files {
		if fields[f.Field] || f.Version != 1 || !f.complete() {
			return errors.New("creating a secret: a file is incomplete or comes twice")
		}
		fields[f.Field] = true
	}
	ids := make(map[uuid.UUID]bool, len(d.Rules))
	for _, r := range d.Rules {
		if ids[r.ID] || r.ID == uuid.Nil {
			return errors.New("creating a secret: a rule has no id of its own")
		}
		ids[r.ID] = true
	}
	return nil
}

// access returns the grants and rules of a draft.
func (d Draft) access(p *domain.Problems) (events []domain.Event) {
	var granted []Assignment
	for i, a := range bounded(p, "body.assignments", ErrTooManyAssignments, d.Assignments, MaxAssignments) {
		a = a.check(p, domain.Indexed("body.assignments", i))
		if !slices.ContainsFunc(granted, a.sameTarget) {
			granted = append(granted, a)
			events = append(events, AccessGranted(a))
		}
	}
	var added []Rule
	for i, r := range bounded(p, "body.rules", ErrTooManyRules, d.Rules, MaxRules) {
		r = r.check(p, domain.Indexed("body.rules", i))
		if !slices.ContainsFunc(added, r.sameMatch) {
			added = append(added, r)
			events = append(events, r.added())
		}
	}
	return events
}

// relations returns the links of a draft to tickets and contacts.
func (d Draft) relations(p *domain.Problems) (events []domain.Event) {
	for _, t := range distinct(p, "body.tickets", ErrTooManyTickets, d.Tickets) {
		events = append(events, TicketLinked{Ticket: t.ID, Incarnation: t.Incarnation})
	}
	for _, c := range distinct(p, "body.contacts", ErrTooManyContacts, d.Contacts) {
		events = append(events, ContactRelated{Contact: c.ID, Incarnation: c.Incarnation})
	}
	return events
}

func distinct(p *domain.Problems, at string, full *domain.Error, list []Related) (once []Related) {
	for i, r := range bounded(p, at, full, list, MaxRelated) {
		p.ForeignID(domain.Indexed(at, i), r.ID)
		if !slices.ContainsFunc(once, relatedID(r.ID)) {
			once = append(once, r)
		}
	}
	return once
}

// bounded returns the list, or none of it and a problem if it is longer than limit.
func bounded[T any](p *domain.Problems, at string, full *domain.Error, list []T, limit int) []T {
	if len(list) > limit {
		p.AddError(at, full)
		return nil
	}
	return list
}
