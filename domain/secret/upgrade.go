package secret

import (
	"errors"
	"maps"
	"slices"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
)

// Refusals of an upgrade. Their details name the fields.
var (
	ErrUpgradeLoses = domain.Refuse(domain.Conflict, "upgrade_loses_values", "the template's newest version has no place for some values: confirm that they are cleared")
	ErrUpgradeNeeds = domain.Refuse(domain.Conflict, "upgrade_needs_values", "the template's newest version requires values that the secret does not have: give them")
)

// Upgrade is a move of a secret to a newer version of its template.
type Upgrade struct {
	From   int // the version that the secret has
	To     int
	Old    []template.Field  // of version From
	New    []template.Field  // of version To
	Lose   bool              // the loss of values is confirmed
	Values []NewValue        // one per field; checked by template.CheckGiven
	Files  []File            // likewise
	Looked map[string]Looked // by field key: at the values of those in Narrowed
}

// Looked is what was found when a value was looked at without being shown: whether it is still one of the choices.
type Looked struct {
	Version int
	Fits    bool
}

// NewValue is a value that is in the vault already, encrypted as the version that its field has next.
type NewValue struct {
	Field   string
	Version int
	Content Content
}

// UpgradeTemplate moves a secret to a newer version of its template, in one list of events. Values that have no place in the
// version are cleared if that is confirmed; their history stays: those of fields that it does not have, has as another type or
// without the choice, and those that were sensitive and would not be any more. What was stored masked is thereby shown by
// nothing but a reveal, whoever revises the template. Required fields need a value afterwards. A version that the secret has already, or an older one, changes nothing. A value that was
// encrypted for another version of its field is ErrValueChanged, as is a secret that is not at the version From any more.
func UpgradeTemplate(s State, u Upgrade) ([]domain.Event, error) {
	switch {
	case !s.Exists:
		return nil, ErrNotFound
	case u.To < 1:
		return nil, errors.New("upgrading a secret: the version is missing")
	case u.To <= s.TemplateVersion:
		return nil, nil
	case u.From != s.TemplateVersion: // moved meanwhile: what it masks has to be looked at anew
		return nil, ErrValueChanged
	}
	for _, field := range u.Narrowed(s) {
		if u.Looked[field].Version != s.Value(field).Version {
			return nil, ErrValueChanged
		}
	}
	lost := u.lost(s)
	if err := u.refusal(s, lost); err != nil {
		return nil, err
	}
	var events []domain.Event
	for _, field := range lost {
		events = append(events, u.cleared(field, s.NextVersion(field)))
	}
	events = append(events, TemplateUpgraded{Template: s.Template, From: s.TemplateVersion, To: u.To})
	for _, v := range u.Values {
		switch {
		case !v.Content.complete():
			return nil, errors.New("upgrading a secret: a value has no content")
		case v.Version != s.NextVersion(v.Field):
			return nil, ErrValueChanged
		}
		events = append(events, ValueSet{Field: v.Field, ValueVersion: v.Version, Content: v.Content})
	}
	for _, f := range u.Files {
		switch {
		case !f.complete():
			return nil, errors.New("upgrading a secret: a file is incomplete")
		case f.Version != s.NextVersion(f.Field):
			return nil, ErrValueChanged
		}
		events = append(events, f.attached()...)
	}
	return events, nil
}

// cleared tells that a field loses what it holds.
func (u Upgrade) cleared(field string, version int) domain.Event {
	if was, _ := template.Find(u.Old, field); was.Type == template.File {
		return FileRemoved{Field: field, ValueVersion: version}
	}
	return ValueCleared{Field: field, ValueVersion: version}
}

// lost returns the fields, in order, whose current values have no place in the new version and are not replaced.
func (u Upgrade) lost(s State) (fields []string) {
	looked := u.Narrowed(s)
	for _, key := range slices.Sorted(maps.Keys(s.Values)) {
		if !s.Value(key).Set || u.gives(key) {
			continue
		}
		is, stays := template.Find(u.New, key)
		was, known := template.Find(u.Old, key)
		unfit := slices.Contains(looked, key) && !u.Looked[key].Fits
		if !stays || unfit || known && (was.Type != is.Type || was.Sensitive && (!is.Sensitive || narrows(was, is))) {
			fields = append(fields, key)
		}
	}
	return fields
}

// Narrowed returns the choice fields, in order, that have a value which is not replaced and may be one of the choices that the
// new version does not have any more: their values have to be looked at. Sensitive ones are not among them: by version after
// version, what is looked at would be told apart without a reveal.
func (u Upgrade) Narrowed(s State) (fields []string) {
	for _, is := range u.New {
		was, known := template.Find(u.Old, is.Key)
		if known && !was.Sensitive && narrows(was, is) && s.Value(is.Key).Set && !u.gives(is.Key) {
			fields = append(fields, is.Key)
		}
	}
	slices.Sort(fields)
	return fields
}

// narrows tells whether a field has lost a choice.
func narrows(was, is template.Field) bool {
	return was.Type == template.Choice && is.Type == template.Choice &&
		slices.ContainsFunc(was.Choices, func(c domain.Private) bool { return !is.HasChoice(c.Text) })
}

func (u Upgrade) gives(field string) bool {
	return slices.ContainsFunc(u.Values, func(v NewValue) bool { return v.Field == field }) ||
		slices.ContainsFunc(u.Files, func(f File) bool { return f.Field == field })
}

// refusal tells everything that stands in the way.
func (u Upgrade) refusal(s State, lost []string) error {
	var refusal *domain.Error
	point := func(to *domain.Error, at, message string) {
		if refusal == nil {
			refusal = to
		}
		refusal = refusal.With(at, message)
	}
	if !u.Lose {
		for _, field := range lost {
			point(ErrUpgradeLoses, "body.fields."+field, "its value would be cleared: the newest version does not have this field or choice, or shows what was masked")
		}
	}
	for _, f := range u.New {
		kept := s.Value(f.Key).Set && !slices.Contains(lost, f.Key)
		if f.Required && !kept && !u.gives(f.Key) {
			point(ErrUpgradeNeeds, f.Location(), "is required by the newest version and has no value")
		}
	}
	if refusal == nil {
		return nil
	}
	return refusal
}
