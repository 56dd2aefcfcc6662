package catalog_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/catalog"
)

// A golden is an event as some version of this code once wrote it. It is never edited: logs hold such events for ever.
// A new field is a new golden, named <type>.<what>.json, beside the old one; what is now written otherwise has one that is named
// <type>.now.json.
func goldens(t *testing.T) map[string][]byte {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	all := make(map[string][]byte, len(files))
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		all[strings.TrimSuffix(filepath.Base(f), ".json")] = data
	}
	return all
}

// typeOf returns the type of a golden by its file's name: that is the stored name, then perhaps a dot and more.
func typeOf(t *testing.T, name string) *catalog.Type {
	parts := strings.Split(name, ".")
	require.GreaterOrEqual(t, len(parts), 3, name)
	typ, ok := catalog.Lookup(strings.Join(parts[:3], "."))
	require.True(t, ok, "%s is of no type in the catalogue: events of it could no longer be read", name)
	return typ
}

func TestEveryTypeHasAGolden(t *testing.T) {
	all := goldens(t)
	for _, typ := range catalog.Types() {
		assert.Contains(t, all, typ.Name)
		assert.Equal(t, typ.Name, zero(t, typ).EventType())
	}
}

func zero(t *testing.T, typ *catalog.Type) domain.Event {
	p, err := typ.Unmarshal([]byte("{}"))
	require.NoError(t, err)
	return typ.Event(p)
}

func TestGoldensReadAndWriteTheSame(t *testing.T) {
	all := goldens(t)
	for name, data := range all {
		t.Run(name, func(t *testing.T) {
			typ := typeOf(t, name)
			p, err := typ.Unmarshal(data)
			require.NoError(t, err)
			written, err := json.Marshal(p)
			require.NoError(t, err)
			if now, differs := all[name+".now"]; differs {
				data = now
			}
			var compact bytes.Buffer
			require.NoError(t, json.Compact(&compact, data))
			assert.Equal(t, compact.String(), string(written))
			assertPrivateIsSealed(t, typ, p)
		})
	}
}

func assertPrivateIsSealed(t *testing.T, typ *catalog.Type, p any) {
	sealed := 0
	require.NoError(t, typ.Privates(p, func(text *domain.Private) error {
		assert.Empty(t, text.Text, "a golden holds no clear text")
		if text.Sealed() != nil {
			sealed++
		}
		return nil
	}))
	assert.Equal(t, typ.HasPrivate(), sealed > 0)
}

// Goldens of a type in which a field is missing would not notice the field's name changing.
func TestGoldensOfTypesFillEveryField(t *testing.T) {
	all := goldens(t)
	for _, typ := range catalog.Types() {
		p, err := typ.Unmarshal(together(t, all, typ.Name))
		require.NoError(t, err, typ.Name)
		assertFilled(t, typ.Name, reflect.ValueOf(p).Elem())
	}
}

// together returns the fields of all goldens of a type: those that came later are in later ones.
func together(t *testing.T, all map[string][]byte, name string) []byte {
	fields := map[string]json.RawMessage{}
	for _, golden := range slices.Sorted(maps.Keys(all)) {
		if golden == name || strings.HasPrefix(golden, name+".") {
			require.NoError(t, json.Unmarshal(all[golden], &fields))
		}
	}
	merged, err := json.Marshal(fields)
	require.NoError(t, err)
	return merged
}

// assertFilled looks for fields at zero. Of a list it is enough that some entry has a field.
func assertFilled(t *testing.T, at string, v reflect.Value) {
	assert.False(t, v.IsZero() && v.Type().NumField() > 0, "%s is empty", at)
	for i := range v.NumField() {
		f, name := v.Field(i), at+"."+v.Type().Field(i).Name
		if f.Kind() == reflect.Pointer {
			f = reflect.Indirect(f)
		}
		switch {
		case !f.IsValid() || f.IsZero():
			assert.Fail(t, name+" is empty")
		case f.Type() == reflect.TypeFor[domain.Private]() || f.Type().PkgPath() == "time":
		case f.Kind() == reflect.Struct:
			assertFilled(t, name, f)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			assertSomeFilled(t, name, f)
		}
	}
}

func assertSomeFilled(t *testing.T, at string, list reflect.Value) {
	element := list.Type().Elem()
	if element == reflect.TypeFor[domain.Private]() {
		return
	}
	for i := range element.NumField() {
		filled := false
		for j := range list.Len() {
			filled = filled || !list.Index(j).Field(i).IsZero()
		}
		assert.True(t, filled, "%s[].%s is empty", at, element.Field(i).Name)
	}
}

func TestAFieldThatNobodyKnowsIsNoHindrance(t *testing.T) {
	typ, _ := catalog.Lookup("secret.ticket_unlinked.v1")
	p, err := typ.Unmarshal([]byte(`{"ticket":"zendesk:t1","added_later":{"x":[1]}}`))
	require.NoError(t, err)
	assert.Equal(t, "zendesk:t1", reflect.ValueOf(typ.Event(p)).FieldByName("Ticket").String())
}

func FuzzUnmarshal(f *testing.F) {
	types := catalog.Types()
	f.Add(0, []byte(`{"name":"c2VhbGVk"}`))
	f.Add(20, []byte(`{"fields":[{"choices":[null,"eA=="]}]}`))
	f.Fuzz(func(t *testing.T, n int, data []byte) {
		typ := types[uint(n)%uint(len(types))]
		p, err := typ.Unmarshal(data)
		if err != nil {
			return
		}
		first, err := json.Marshal(p)
		if err != nil {
			return // a time beyond the year 9999 is read but not written
		}
		p, err = typ.Unmarshal(first)
		require.NoError(t, err)
		second, err := json.Marshal(p)
		require.NoError(t, err)
		assert.Equal(t, string(first), string(second))
	})
}
