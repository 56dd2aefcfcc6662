package catalog

import (
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// Field describes one JSON field of an event type.
type Field struct {
	Name     string
	Type     string // as people read it, such as "text", "time" or "list of uuid"
	Private  bool   // private text, stored sealed
	Optional bool
	Fields   []Field // of an object or of the objects in a list
}

var plainTypes = map[reflect.Type]string{
	reflect.TypeFor[time.Time](): "time",
	reflect.TypeFor[uuid.UUID](): "uuid",
	reflect.TypeFor[[]byte]():    "bytes (base64)",
	privateType:                  "text",
	evidenceType:                 "object of streams: list of revisions",
}

var evidenceType = reflect.TypeFor[[]domain.Evidence]()

var plainKinds = map[reflect.Kind]string{
	reflect.String: "text", reflect.Bool: "true or false", reflect.Int: "number", reflect.Uint64: "number",
}

// Fields describes the type's JSON fields in the order they are written.
func (t *Type) Fields() []Field { return fieldsOf(reflect.TypeOf(t.pointer()).Elem()) }

func fieldsOf(t reflect.Type) []Field {
	var fields []Field
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		f := describe(t.Field(i).Type)
		f.Name, f.Optional = name, f.Optional || strings.HasPrefix(options, "omit")
		fields = append(fields, f)
	}
	return fields
}

func describe(t reflect.Type) Field {
	switch name, plain := plainTypes[t]; {
	case plain:
		return Field{Type: name, Private: t == privateType}
	case t.Kind() == reflect.Pointer:
		f := describe(t.Elem())
		f.Optional = true
		return f
	case t.Kind() == reflect.Slice:
		f := describe(t.Elem())
		f.Type = "list of " + f.Type
		return f
	case t.Kind() == reflect.Struct:
		return Field{Type: "object", Fields: fieldsOf(t)}
	default:
		return Field{Type: plainKinds[t.Kind()]}
	}
}
