package imports

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	templates "github.com/kdesk/client-secrets/commands/template"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/template"
)

const (
	maxLayouts = 200 // different ones in a file: each is a template that people see
	maxOthers  = 8   // templates of one layout that were changed or archived since
)

var (
	errTooManyLayouts = domain.Refuse(domain.Invalid, "too_many_layouts", "the file has records of more than 200 different shapes")
	errTooManyFields  = domain.Refuse(domain.Invalid, "too_many_fields", "the record has more fields than a template may have")
)

// layout is the fields that some items have, with the template for them.
type layout struct {
	id       uuid.UUID
	template template.State
	created  bool
	order    int
	err      error // why there is none
}

// shape returns the layout of an item, with its values by field key.
func (r *running) shape(ctx context.Context, item *Item) (*layout, secrets.Draft, error) {
	if len(item.Fields) > template.MaxFields {
		return nil, secrets.Draft{}, errTooManyFields
	}
	definition := template.Definition{Name: "Imported " + item.Kind}
	values := make(map[string]string, len(item.Fields))
	for _, f := range item.Fields {
		key := freeKey(f.Label, values)
		field := template.Field{Key: key, Label: domain.NewPrivate(labelOf(f.Label)), Type: f.Type, Sensitive: f.Sensitive}
		for _, choice := range f.Choices {
			field.Choices = append(field.Choices, domain.NewPrivate(choice))
		}
		values[key] = f.Value
		definition.Fields = append(definition.Fields, field)
	}
	l := r.layoutOf(ctx, definition)
	name := item.Name
	if strings.TrimSpace(name) == "" {
		name = definition.Name
	}
	return l, secrets.Draft{Template: l.id, Name: name, Description: item.Description, Fields: values}, l.err
}

// layoutOf finds the template for a definition's fields, or makes one. A failure that passes is not remembered.
func (r *running) layoutOf(ctx context.Context, d template.Definition) *layout {
	parts := []any{d.Name}
	for _, f := range d.Fields {
		parts = append(parts, f.Key, f.Label.Text, f.Type, f.Sensitive)
	}
	spelled, _ := json.Marshal(parts) // strings and a bool: it does not fail
	if known, ok := r.layouts[string(spelled)]; ok {
		return known
	}
	l := &layout{order: len(r.layouts)}
	if len(r.layouts) >= maxLayouts {
		l.err = errTooManyLayouts
		return l
	}
	l.err = r.find(ctx, l, spelled, d)
	r.layouts[string(spelled)] = l
	return l
}

// find looks for a template under the ids that derive from the layout: the first that was not archived and still has the
// fields. The first that does not exist is made.
func (r *running) find(ctx context.Context, l *layout, spelled []byte, d template.Definition) error {
	for n := range maxOthers {
		l.id = uuid.NewSHA1(r.req.Workspace, fmt.Appendf(nil, "import template\x00%d\x00%s", n, spelled))
		there, err := commands.Load(ctx, r.Run, r.req.Workspace, templates.Aggregate(l.id))
		if err != nil {
			return err
		}
		if !there.Exists {
			return r.define(ctx, l, d)
		}
		if !there.Archived && takes(there.Fields(), d.Fields) {
			l.template = there
			return nil
		}
	}
	return template.ErrArchived
}

func (r *running) define(ctx context.Context, l *layout, d template.Definition) error {
	events, err := template.Create(template.State{}, d)
	if err != nil {
		return err
	}
	for _, e := range events {
		if l.template, err = template.Evolve(l.template, e); err != nil {
			return err
		}
	}
	l.created = true
	if r.dry {
		return nil
	}
	_, err = commands.Run(ctx, r.Run, r.req, uuid.NewSHA1(l.id, []byte("import")), templates.Aggregate(l.id), func(s template.State) ([]domain.Event, error) {
		if s.Exists { // by another import at this moment
			return nil, nil
		}
		return template.Create(s, d)
	})
	return err
}

// takes tells whether fields have all of others, as they are or more strictly kept.
func takes(fields, others []template.Field) bool {
	return !slices.ContainsFunc(others, func(o template.Field) bool {
		f, ok := template.Find(fields, o.Key)
		return !ok || f.Type != o.Type || o.Sensitive && !f.Sensitive
	})
}

func (r *running) inOrder() (list []*layout) {
	for _, l := range r.layouts {
		if l.err == nil {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b *layout) int { return a.order - b.order })
	return list
}

// freeKey makes a field key of a label: its letters and digits in lower case, numbered if another field has it.
func freeKey(label string, taken map[string]string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(label) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	base := strings.TrimSuffix(b.String(), "_")
	if base == "" || base[0] < 'a' {
		base = strings.TrimSuffix("field_"+base, "_")
	}
	base = base[:min(len(base), template.MaxKey-4)]
	key := base
	for n := 2; ; n++ {
		if _, is := taken[key]; !is {
			return key
		}
		key = fmt.Sprintf("%s_%d", base, n)
	}
}

// labelOf returns a label that a field can have.
func labelOf(label string) string {
	cleaned := strings.Map(func(r rune) rune {
		if _, err := domain.CheckLine("x"+string(r)+"x", 3); err != nil {
			return ' '
		}
		return r
	}, label)
	if _, err := domain.CheckName(cleaned, utf8.RuneCountInString(cleaned)); err != nil {
		return "Field"
	}
	return shortened(strings.TrimSpace(cleaned))
}

// shortened cuts a text to the length of a name.
func shortened(s string) string {
	if utf8.RuneCountInString(s) <= domain.MaxName {
		return s
	}
	return string([]rune(s)[:domain.MaxName-1]) + "…"
}

// located names the part of a record that a refusal points at.
func located(at string) string { return strings.TrimPrefix(at, "body.") }
