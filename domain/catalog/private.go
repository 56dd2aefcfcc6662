package catalog

import (
	"reflect"

	"github.com/kdesk/client-secrets/domain"
)

// path leads from an event to private text: struct fields by index, through every element of slices on the way.
type path []int

var privateType = reflect.TypeFor[domain.Private]()

// pathsTo finds all private text in a struct type.
func pathsTo(t reflect.Type) []path {
	var found []path
	for i := range t.NumField() {
		f := t.Field(i).Type
		if f.Kind() == reflect.Slice {
			f = f.Elem()
		}
		switch {
		case f == privateType:
			found = append(found, path{i})
		case f.Kind() == reflect.Struct:
			for _, rest := range pathsTo(f) {
				found = append(found, append(path{i}, rest...))
			}
		}
	}
	return found
}

func (p path) visit(v reflect.Value, visit func(*domain.Private) error) error {
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			if err := p.visit(v.Index(i), visit); err != nil {
				return err
			}
		}
		return nil
	}
	if len(p) == 0 {
		return visit(v.Addr().Interface().(*domain.Private))
	}
	return p[1:].visit(v.Field(p[0]), visit)
}

// listed tells whether a slice is on the way from a struct of this type.
func (p path) listed(t reflect.Type) bool {
	for _, i := range p {
		if t = t.Field(i).Type; t.Kind() == reflect.Slice {
			return true
		}
	}
	return false
}

// clone copies a value so that its private text, also within slices, is not shared with the original.
func clone(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	for i := range v.NumField() {
		if v.Type().Field(i).Type.Kind() == reflect.Slice && !v.Field(i).IsNil() && len(pathsTo(v.Type())) > 0 {
			c.Field(i).Set(cloneSlice(v.Field(i)))
		}
	}
	return c
}

func cloneSlice(v reflect.Value) reflect.Value {
	c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	for i := range v.Len() {
		if e := v.Index(i); e.Kind() == reflect.Struct && e.Type() != privateType {
			c.Index(i).Set(clone(e))
		} else {
			c.Index(i).Set(e)
		}
	}
	return c
}
