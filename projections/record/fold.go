package record

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
)

// Apply folds one event into the set, in log order. Events that records do not show are ignored, except that each event
// of a secret moves its revision. It fails on an event of a secret that was never created.
//
// What a secret relates to or is assigned to ends when that thing is removed: its next incarnation inherits nothing.
func (s *Set) Apply(e domain.Recorded) error {
	if t, ok := directoryEvent(e); ok {
		switch {
		case t.removed:
			s.remove(t.Thing, e.Position)
			s.setFate(t.Thing, Fate{Gone: true})
		case t.incarnation > 1:
			s.comeBack(t.Thing, t.incarnation, e.Position)
		}
		return nil
	}
	switch v := e.Event.(type) {
	case template.Created:
		return s.addTemplate(e, 1, v.Name.Text, v.Fields)
	case template.Revised:
		return s.addTemplate(e, v.Version, v.Name.Text, v.Fields)
	}
	if domain.StreamKind(e.Stream) != domain.SecretKind {
		return nil
	}
	return s.applyToSecret(e)
}

func (s *Set) applyToSecret(e domain.Recorded) error {
	id, err := domain.StreamID(e.Stream)
	if err != nil {
		return fmt.Errorf("reading the secret's id from stream %s: %w", e.Stream, err)
	}
	ref := Ref{e.Meta.Workspace, id}
	r := s.secrets[ref]
	if v, ok := e.Event.(secret.Created); ok {
		r = &Secret{
			Workspace: ref.Workspace, ID: id, Name: v.Name.Text, Description: v.Description.Text, Active: true,
			ExpiresAt: v.ExpiresAt, Tickets: []string{}, Contacts: []string{}, Assignments: []Assignment{}, Rules: []Rule{},
			CreatedAt: e.At,
		}
		r.Template, r.Fields = s.fieldsOf(TemplateRef{ref.Workspace, v.Template, v.TemplateVersion})
		s.secrets[ref] = r
	}
	if r == nil {
		return fmt.Errorf("secret %s was never created, but has a %s", id, e.Event.EventType())
	}
	s.evolve(r, e)
	r.Revision, r.UpdatedAt = e.Revision, e.At
	s.changed[ref] = e.Position
	return nil
}

func (s *Set) evolve(r *Secret, e domain.Recorded) {
	switch v := e.Event.(type) {
	case secret.Described:
		r.Name, r.Description = v.Name.Text, v.Description.Text
	case secret.Activated:
		r.Active = true
	case secret.Deactivated:
		r.Active = false
	case secret.ExpirationSet:
		r.ExpiresAt = &v.ExpiresAt
	case secret.ExpirationCleared:
		r.ExpiresAt = nil
	case secret.HoldPlaced:
		r.Hold = &Hold{v.Reason.Text, e.At}
	case secret.HoldReleased:
		r.Hold = nil
	case secret.DestroyRequested:
		s.end(r, e.At)
	case secret.Destroyed:
		r.Destroyed.CompleteAt = &v.CompleteAt
	case secret.TemplateUpgraded:
		s.upgrade(r, TemplateRef{r.Workspace, v.Template, v.To})
	case secret.ValueSet:
		s.setValue(r, e, v.Field, v.ValueVersion, &v.Content)
	case secret.ValueCleared:
		s.setValue(r, e, v.Field, v.ValueVersion, nil)
	case secret.FileAttached:
		s.setValue(r, e, v.Field, v.ValueVersion, &v.Content)
	case secret.FileRemoved:
		s.setValue(r, e, v.Field, v.ValueVersion, nil)
	case secret.AccessGranted:
		s.assign(r, Assignment{v.Kind, v.Target}, v.Incarnation)
	case secret.AccessRevoked:
		r.Assignments = without(r.Assignments, Assignment{v.Kind, v.Target})
		s.unindex(r, Assignment{v.Kind, v.Target}.key())
	case secret.RuleAdded:
		r.Rules = append(withoutRule(r.Rules, v.RuleID), Rule{v.RuleID, v.Kind, v.Value, v.While})
	case secret.RuleRemoved:
		r.Rules = withoutRule(r.Rules, v.RuleID)
	case secret.TicketLinked:
		s.relate(r, &r.Tickets, v.Ticket, TicketKey(v.Ticket), v.Incarnation)
	case secret.TicketUnlinked:
		r.Tickets = without(r.Tickets, v.Ticket)
		s.unindex(r, TicketKey(v.Ticket))
	case secret.ContactRelated:
		s.relate(r, &r.Contacts, v.Contact, ContactKey(v.Contact), v.Incarnation)
	case secret.ContactUnrelated:
		r.Contacts = without(r.Contacts, v.Contact)
		s.unindex(r, ContactKey(v.Contact))
	}
}

// upgrade gives a record the fields of a newer version of its template. What is known of their values stays.
func (s *Set) upgrade(r *Secret, to TemplateRef) {
	before := slices.Concat(r.Fields, r.Former)
	r.Template, r.Fields = s.fieldsOf(to)
	r.Former = nil
	for _, was := range before {
		f := r.Field(was.Key)
		if f == nil {
			r.Former = append(r.Former, was)
			continue
		}
		f.IsSet, f.ValueVersion, f.ChangedAt, f.ChangedBy, f.Content = was.IsSet, was.ValueVersion, was.ChangedAt, was.ChangedBy, was.Content
	}
}

// end takes everything out of a record. Its texts are in the clear here: the key that they are sealed with is deleted
// later, and a rebuild after that would find them erased as well.
func (s *Set) end(r *Secret, at time.Time) {
	for _, k := range r.Keys() {
		s.unindex(r, k)
	}
	*r = *r.End(at)
}

// setValue gives a field a value version. A field that the template does not have is shown as a sensitive one.
func (s *Set) setValue(r *Secret, e domain.Recorded, key string, version int, content *secret.Content) {
	f := r.Field(key)
	if f == nil {
		r.Fields = append(r.Fields, Field{Key: key, Label: key, Type: template.Text, Sensitive: true})
		f = &r.Fields[len(r.Fields)-1]
	}
	at, by := e.At, actorName(e.Meta.Actor)
	f.IsSet, f.ValueVersion, f.Content, f.ChangedAt, f.ChangedBy = content != nil, version, content, &at, by
	s.values = append(s.values, ValueVersion{
		Ref: Ref{r.Workspace, r.ID}, Field: key, Version: version, Set: content != nil, ChangedAt: at, ChangedBy: by,
	})
}

func actorName(a domain.Actor) string {
	if a.ID == "" {
		return string(a.Kind)
	}
	return a.ID
}

func (s *Set) relate(r *Secret, list *[]string, id string, key Key, incarnation int) {
	if s.fate(r.Workspace, key).takes(incarnation) {
		*list = with(*list, id)
		s.index(key.in(r.Workspace), Ref{r.Workspace, r.ID})
	}
}

func (s *Set) assign(r *Secret, a Assignment, incarnation int) {
	key := a.key()
	if key == "" {
		r.Assignments = with(r.Assignments, a)
	} else if s.fate(r.Workspace, key).takes(incarnation) {
		r.Assignments = with(r.Assignments, a)
		s.index(key.in(r.Workspace), Ref{r.Workspace, r.ID})
	}
}

// remove takes a thing out of every record that names it.
func (s *Set) remove(thing Thing, position uint64) {
	for ref := range s.linked[thing] {
		s.secrets[ref].drop(thing.Key)
		s.changed[ref] = max(s.changed[ref], position)
	}
	delete(s.linked, thing)
}

// comeBack notes a later incarnation. It ends the one before, should its removal not have been told.
func (s *Set) comeBack(thing Thing, incarnation int, position uint64) {
	if f := s.fates[thing]; f.Gone || f.Incarnation != incarnation {
		s.remove(thing, position)
		s.setFate(thing, Fate{Incarnation: incarnation})
	}
}

func (s *Set) addTemplate(e domain.Recorded, version int, name string, fields []template.Field) error {
	id, err := domain.StreamID(e.Stream)
	if err != nil {
		return fmt.Errorf("reading the template's id from stream %s: %w", e.Stream, err)
	}
	v := &TemplateVersion{Name: name, Fields: make([]Field, len(fields))}
	for i, f := range fields {
		v.Fields[i] = Field{Key: f.Key, Label: f.Label.Text, Type: f.Type, Required: f.Required, Sensitive: f.Sensitive}
	}
	ref := TemplateRef{e.Meta.Workspace, id, version}
	s.templates[ref], s.newTemplates = v, append(s.newTemplates, ref)
	return nil
}

func (s *Set) fieldsOf(ref TemplateRef) (Template, []Field) {
	t := Template{ID: ref.ID, Version: ref.Version}
	v := s.templates[ref]
	if v == nil {
		return t, []Field{}
	}
	t.Name = v.Name
	return t, append([]Field{}, v.Fields...)
}

func (s *Set) index(thing Thing, ref Ref) {
	if s.linked[thing] == nil {
		s.linked[thing] = map[Ref]struct{}{}
	}
	s.linked[thing][ref] = struct{}{}
}

func (s *Set) unindex(r *Secret, key Key) {
	delete(s.linked[key.in(r.Workspace)], Ref{r.Workspace, r.ID})
}

func with[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

func without[T comparable](list []T, v T) []T {
	return slices.DeleteFunc(list, func(x T) bool { return x == v })
}

func withoutRule(rules []Rule, id uuid.UUID) []Rule {
	return slices.DeleteFunc(rules, func(r Rule) bool { return r.ID == id })
}
