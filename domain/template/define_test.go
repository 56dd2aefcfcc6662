package template_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	"github.com/kdesk/client-secrets/domain/template"
)

func private(texts ...string) (list []domain.Private) {
	for _, text := range texts {
		list = append(list, domain.NewPrivate(text))
	}
	return list
}

func field(key string, typ template.FieldType, choices ...string) template.Field {
	return template.Field{Key: key, Label: domain.NewPrivate("The " + key), Type: typ, Choices: private(choices...)}
}

var (
	apiKey   = template.Field{Key: "api_key", Label: domain.NewPrivate("API key"), Type: template.Text, Required: true, Sensitive: true}
	region   = field("region", template.Choice, "eu", "us")
	fields   = []template.Field{apiKey, region, field("notes", template.Message), field("cert", template.File)}
	standard = template.Definition{Name: "Cloud account", Description: "One per tenant.", Fields: fields}
	created  = template.Created{
		Name: domain.NewPrivate("Cloud account"), Description: domain.NewPrivate("One per tenant."), Fields: fields,
	}
)

func define(fields ...template.Field) template.Definition {
	return template.Definition{Name: "Cloud account", Fields: fields}
}

func revised(version int, fields ...template.Field) template.Revised {
	return template.Revised{Version: version, Name: domain.NewPrivate("Cloud account"), Fields: fields}
}

func create(d template.Definition) func(template.State) ([]domain.Event, error) {
	return func(s template.State) ([]domain.Event, error) { return template.Create(s, d) }
}

func revise(d template.Definition) func(template.State) ([]domain.Event, error) {
	return func(s template.State) ([]domain.Event, error) { return template.Revise(s, d) }
}

func TestCreateAndRevise(t *testing.T) {
	given := []domain.Event{created}
	spaced := standard
	spaced.Name, spaced.Fields = " Cloud account\n", append([]template.Field{}, fields...)
	spaced.Fields[0].Label = domain.NewPrivate(" API key ")
	fixed := domain.Refuse(domain.Invalid, "field_type_fixed", "")
	message := field("api_key", template.Message)
	domaintest.Run(t, template.Evolve, []domaintest.Case[template.State]{
		{Name: "a template is created", When: create(standard), Then: given},
		{Name: "texts are trimmed", When: create(spaced), Then: given},
		{Name: "a template is created once", Given: given, When: create(standard), Err: template.ErrAlreadyExists},
		{Name: "an unknown template is not revised", When: revise(standard), Err: template.ErrNotFound},
		{Name: "the same definition changes nothing", Given: given, When: revise(spaced)},
		{Name: "another definition is the next version", Given: given, When: revise(define(region)),
			Then: []domain.Event{revised(2, region)}},
		{Name: "a field may become optional", Given: given, When: revise(define(field("api_key", template.Text))),
			Then: []domain.Event{revised(2, field("api_key", template.Text))}},
		{Name: "a key keeps its type", Given: given, When: revise(define(region, message)), Err: fixed,
			At: []string{"body.fields[1].type"}},
		{Name: "also after a version without it", Given: append(given[:1:1], revised(2, region)), When: revise(define(message)),
			Err: fixed},
	})
	domaintest.RefusesUnknown(t, template.Evolve)
}

func TestArchive(t *testing.T) {
	given := []domain.Event{created}
	archived := append(given[:1:1], template.Archived{})
	domaintest.Run(t, template.Evolve, []domaintest.Case[template.State]{
		{Name: "an unknown template is not archived", When: template.Archive, Err: template.ErrNotFound},
		{Name: "an unknown template is not restored", When: template.Restore, Err: template.ErrNotFound},
		{Name: "a template is archived", Given: given, When: template.Archive, Then: []domain.Event{template.Archived{}}},
		{Name: "what is not archived is not restored", Given: given, When: template.Restore},
		{Name: "an archived template is restored", Given: archived, When: template.Restore, Then: []domain.Event{template.Restored{}}},
	})
}

func TestDefinitionsAreChecked(t *testing.T) {
	long := field("long", template.Text)
	long.Label, long.Help = domain.NewPrivate(strings.Repeat("x", 201)), domain.NewPrivate(strings.Repeat("x", 2001))
	secretFile := field("cert", template.File)
	secretFile.Sensitive = true
	var many, large []template.Field
	for i := range template.MaxFields + 1 {
		f := field("f"+strings.Repeat("x", i), template.Text)
		many = append(many, f)
		f.Help = domain.NewPrivate(strings.Repeat("é", 2000))
		large = append(large, f)
	}
	refuse := func(code string) error { return domain.Refuse(domain.Invalid, code, "") }
	at := func(suffixes ...string) (list []string) {
		for _, s := range suffixes {
			list = append(list, "body.fields"+s)
		}
		return list
	}
	domaintest.Run(t, template.Evolve, []domaintest.Case[template.State]{
		{Name: "no name, no fields", When: create(template.Definition{}), Err: domain.ErrTextRequired, At: []string{"body.name", "body.fields"}},
		{Name: "too many fields", When: create(define(many...)), Err: refuse("too_many_fields"), At: at("")},
		{Name: "texts too large together", When: create(define(large[:50]...)), Err: refuse("template_too_large"), At: at("")},
		{Name: "as many fields as there may be", When: create(define(many[:50]...)),
			Then: []domain.Event{template.Created{Name: domain.NewPrivate("Cloud account"), Fields: many[:50]}}},
		{Name: "keys that are none", When: create(define(field("", template.Text), field("Key", template.Text), field("1st", template.Text),
			field("a-b", template.Text), field("a"+strings.Repeat("b", 63), template.Text))), Err: refuse("invalid_key"),
			At: at("[0].key", "[1].key", "[2].key", "[3].key", "[4].key")},
		{Name: "a key twice", When: create(define(region, region)), Err: refuse("duplicate_key"), At: at("[1].key")},
		{Name: "long texts", When: create(define(long)), Err: domain.ErrTextTooLong, At: at("[0].label", "[0].help")},
		{Name: "a sensitive file", When: create(define(secretFile)), Err: refuse("file_not_sensitive"), At: at("[0].sensitive")},
		{Name: "an unknown type", When: create(define(field("a", "number"))), Err: refuse("unknown_field_type"), At: at("[0].type")},
		{Name: "choices missing", When: create(define(field("a", template.Choice))), Err: refuse("choices_required"), At: at("[0].choices")},
		{Name: "choices of a text", When: create(define(field("a", template.Text, "x"))), Err: refuse("choices_not_allowed"), At: at("[0].choices")},
		{Name: "a choice twice, another empty", When: create(define(field("a", template.Choice, "x", " x ", ""))),
			Err: refuse("duplicate_choice"), At: at("[0].choices[1]", "[0].choices[2]")},
		{Name: "too many choices", When: create(define(field("a", template.Choice, make([]string, 101)...))),
			Err: refuse("too_many_choices"), At: at("[0].choices")},
	})
}

func TestStateKnowsEveryVersion(t *testing.T) {
	s := domaintest.Fold(t, template.Evolve, template.State{}, []domain.Event{created, revised(2, region)})
	first, ok := s.FieldsAt(1)
	if !ok || len(first) != 4 || s.Version() != 2 || len(s.Fields()) != 1 {
		t.Errorf("a template keeps its versions")
	}
	for _, version := range []int{0, 3, -1} {
		if _, ok := s.FieldsAt(version); ok {
			t.Errorf("there is no version %d", version)
		}
	}
	if v, fields, err := s.ForNewSecret(); v != 2 || len(fields) != 1 || err != nil {
		t.Errorf("a new secret is made with the newest version")
	}
	s.Archived = true
	if _, _, err := s.ForNewSecret(); !errors.Is(err, template.ErrArchived) {
		t.Errorf("an archived template makes no secrets: %v", err)
	}
	if _, _, err := (template.State{}).ForNewSecret(); !errors.Is(err, template.ErrNotFound) {
		t.Errorf("an unknown template makes no secrets: %v", err)
	}
}
