package catalog_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/catalog"
	"github.com/kdesk/client-secrets/domain/template"
)

func lookup(t *testing.T, name string) *catalog.Type {
	typ, ok := catalog.Lookup(name)
	require.True(t, ok)
	return typ
}

func TestPrivatesVisitsWhatIsInListsInAFixedOrder(t *testing.T) {
	typ := lookup(t, "template.created.v1")
	event := template.Created{
		Name: domain.NewPrivate("name"),
		Fields: []template.Field{
			{Label: domain.NewPrivate("l1"), Choices: []domain.Private{domain.NewPrivate("c1"), domain.NewPrivate("c2")}},
			{Label: domain.NewPrivate("l2"), Help: domain.NewPrivate("h2")},
		},
	}
	var visited []string
	require.NoError(t, typ.Privates(typ.Copy(event), func(p *domain.Private) error {
		visited = append(visited, p.Text)
		return nil
	}))
	assert.Equal(t, []string{"name", "", "l1", "l2", "c1", "c2", "", "h2"}, visited)

	failed := fmt.Errorf("no key")
	assert.Equal(t, failed, typ.Privates(typ.Copy(event), func(*domain.Private) error { return failed }))
}

// For every type: a copy's private text is sealed, all of it, and the original is as it was.
func TestSealingACopyLeavesTheOriginalAlone(t *testing.T) {
	for _, typ := range catalog.Types() {
		t.Run(typ.Name, func(t *testing.T) {
			filled := reflect.New(reflect.TypeOf(zero(t, typ)))
			texts := fill(filled.Elem())
			event := filled.Elem().Interface().(domain.Event)
			assert.Equal(t, typ.HasPrivate(), texts > 0)

			p := typ.Copy(event)
			visited := seal(t, typ, p)
			assert.Equal(t, texts, visited, "every private text is visited")
			data, err := json.Marshal(p)
			require.NoError(t, err)
			assert.NotContains(t, string(data), "clear text")

			unsealed := 0
			require.NoError(t, typ.Privates(typ.Copy(event), func(text *domain.Private) error {
				assert.Nil(t, text.Sealed(), "the original was sealed")
				assert.Equal(t, "clear text", text.Text)
				unsealed++
				return nil
			}))
			assert.Equal(t, texts, unsealed)
			if texts > 0 {
				_, err := json.Marshal(event)
				assert.Error(t, err, "unsealed private text is never written")
			}
			assertReadsBack(t, typ, data, event)
		})
	}
}

func assertReadsBack(t *testing.T, typ *catalog.Type, data []byte, event domain.Event) {
	p, err := typ.Unmarshal(data)
	require.NoError(t, err)
	require.NoError(t, typ.Privates(p, func(text *domain.Private) error {
		assert.Equal(t, []byte("sealed"), text.Sealed())
		text.Open("clear text")
		return nil
	}))
	assert.Equal(t, event, typ.Event(p), "an event that was read equals the one that was made")
}

func seal(t *testing.T, typ *catalog.Type, p any) (n int) {
	require.NoError(t, typ.Privates(p, func(text *domain.Private) error {
		text.Seal([]byte("sealed"))
		n++
		return nil
	}))
	return n
}

// fill gives every private text a content, lists two entries, and returns how many texts there are. It finds them by
// itself, not as the catalogue does.
func fill(v reflect.Value) (texts int) {
	if v.Type() == reflect.TypeFor[domain.Private]() {
		v.Set(reflect.ValueOf(domain.NewPrivate("clear text")))
		return 1
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				texts += fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		texts = fill(v.Index(0)) + fill(v.Index(1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		texts = fill(v.Elem())
	}
	return texts
}

func TestPrivateTextIsNeverPrinted(t *testing.T) {
	event := template.Created{Name: domain.NewPrivate("clear text"), Fields: []template.Field{{Label: domain.NewPrivate("clear text")}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.NotContains(t, fmt.Sprintf(verb, event), "clear text", verb)
	}
}
