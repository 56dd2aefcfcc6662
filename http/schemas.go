package http

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// schemaName names a type in the OpenAPI description: types of other packages begin with their package's name, since
// several packages have a Template.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	path := t.PkgPath()
	own := path[strings.LastIndex(path, "/")+1:]
	if t.Name() == "" || path == "" || own == "http" || t == reflect.TypeFor[uuid.UUID]() {
		return name
	}
	return strings.ToUpper(own[:1]) + own[1:] + name
}

// allowNull makes the registered schemas say which objects in them may be null: huma does so for everything else. They
// are pointers that are never left out.
func allowNull(registry huma.Registry) {
	for name, schema := range registry.Map() {
		t := registry.TypeFromRef("#/components/schemas/" + name)
		for t != nil && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for _, f := range reflect.VisibleFields(t) {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			property := schema.Properties[name]
			if property == nil || property.Ref == "" || f.Type.Kind() != reflect.Pointer || strings.Contains(options, "omit") {
				continue
			}
			schema.Properties[name] = &huma.Schema{
				Description: property.Description,
				AnyOf:       []*huma.Schema{{Ref: property.Ref}, {Type: "null"}},
			}
		}
	}
}

// nameTags lists the tags that operations have, in the order of their names.
func nameTags(api *huma.OpenAPI) {
	names := map[string]bool{}
	for _, path := range api.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Delete, path.Patch} {
			if op != nil {
				for _, tag := range op.Tags {
					names[tag] = true
				}
			}
		}
	}
	api.Tags = nil
	for _, name := range slices.Sorted(maps.Keys(names)) {
		api.Tags = append(api.Tags, &huma.Tag{Name: name})
	}
}
