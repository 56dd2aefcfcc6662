package template

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/kdesk/client-secrets/domain"
)

// Bounds of a template. Lengths are in characters; MaxTotal is in bytes over all texts, so that a version, sealed and
// encoded, fits into one append.
const (
	MaxFields  = 50
	MaxKey     = 63
	MaxChoices = 100
	MaxHelp    = 2000
	MaxTotal   = 128 << 10
	maxOptions = 1000 // choices of all fields together
)

// Definition is what somebody asks a template to be.
type Definition struct {
	Name        string
	Description string
	Fields      []Field
}

// check returns the definition trimmed. fixed are the types that keys have had.
func (d Definition) check(fixed map[string]FieldType) (Definition, error) {
	var p domain.Problems
	d.Name = p.Name("body.name", d.Name, domain.MaxName)
	d.Description = p.Text("body.description", d.Description, domain.MaxLong)
	switch {
	case len(d.Fields) == 0:
		p.Add("fields_required", "body.fields", "at least one field is required")
	case len(d.Fields) > MaxFields:
		p.Add("too_many_fields", "body.fields", "has more than "+strconv.Itoa(MaxFields)+" entries")
	default:
		d.Fields = checkFields(&p, d.Fields, fixed)
	}
	return d, p.Err()
}

func checkFields(p *domain.Problems, in []Field, fixed map[string]FieldType) []Field {
	fields := make([]Field, len(in))
	seen := make(map[string]bool, len(in))
	total, options := 0, 0
	for i, f := range in {
		at := domain.Indexed("body.fields", i)
		fields[i] = f.check(p, at)
		switch was, known := fixed[f.Key]; {
		case seen[f.Key]:
			p.Add("duplicate_key", at+".key", "another field has this key")
		case known && was != f.Type:
			p.Add("field_type_fixed", at+".type", "a key keeps its type for ever: it was "+string(was))
		}
		seen[f.Key] = true
		total += fields[i].size()
		options += len(f.Choices)
	}
	if total > MaxTotal || options > maxOptions {
		p.Add("template_too_large", "body.fields", "the texts of all fields together are too large")
	}
	return fields
}

func (f Field) check(p *domain.Problems, at string) Field {
	if !validKey(f.Key) {
		p.Add("invalid_key", at+".key", "must be a lower-case letter, then up to 62 of a-z, 0-9 and _")
	}
	f.Label = domain.NewPrivate(p.Name(at+".label", f.Label.Text, domain.MaxName))
	f.Help = domain.NewPrivate(p.Text(at+".help", f.Help.Text, MaxHelp))
	switch f.Type {
	case Text, Choice, Message:
	case File:
		if f.Sensitive {
			p.Add("file_not_sensitive", at+".sensitive", "a file is always protected and cannot be marked sensitive")
		}
	default:
		p.Add("unknown_field_type", at+".type", "must be text, choice, message or file")
	}
	f.Choices = f.checkChoices(p, at+".choices")
	return f
}

func (f Field) checkChoices(p *domain.Problems, at string) []domain.Private {
	switch n := len(f.Choices); {
	case f.Type != Choice && n > 0:
		p.Add("choices_not_allowed", at, "only a field of type choice has choices")
		return nil
	case f.Type == Choice && n == 0:
		p.Add("choices_required", at, "at least one choice is required")
		return nil
	case n > MaxChoices:
		p.Add("too_many_choices", at, "has more than "+strconv.Itoa(MaxChoices)+" entries")
		return nil
	case n == 0:
		return nil
	}
	choices := make([]domain.Private, len(f.Choices))
	seen := make(map[string]bool, len(f.Choices))
	for i, c := range f.Choices {
		text := p.Name(domain.Indexed(at, i), c.Text, domain.MaxName)
		if text != "" && seen[text] {
			p.Add("duplicate_choice", domain.Indexed(at, i), "is there already")
		}
		seen[text] = true
		choices[i] = domain.NewPrivate(text)
	}
	return choices
}

func validKey(key string) bool {
	if key == "" || len(key) > MaxKey || key[0] < 'a' || key[0] > 'z' {
		return false
	}
	return !slices.ContainsFunc([]byte(key), func(c byte) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_'
	})
}

func (f Field) size() int {
	n := len(f.Label.Text) + len(f.Help.Text)
	for _, c := range f.Choices {
		n += len(c.Text)
	}
	return n
}

// sameFields tells whether two lists of checked fields say the same.
func sameFields(a, b []Field) bool { return reflect.DeepEqual(a, b) }
