package domaintest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/kdesk/client-secrets/domain"
)

// describe writes events with their private text: tests have nothing to hide.
func describe(events []domain.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "\n  %s ", e.EventType())
		write(&b, reflect.ValueOf(e))
	}
	if b.Len() == 0 {
		return "nothing"
	}
	return b.String()
}

func write(b *strings.Builder, v reflect.Value) {
	if p, ok := v.Interface().(domain.Private); ok {
		fmt.Fprintf(b, "%q", p.Text)
		return
	}
	switch _, printable := v.Interface().(fmt.Stringer); {
	case printable:
		fmt.Fprintf(b, "%v", v.Interface())
	case v.Kind() == reflect.Pointer && !v.IsNil():
		write(b, v.Elem())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		b.WriteString("[")
		for i := range v.Len() {
			write(b, v.Index(i))
			b.WriteString(" ")
		}
		b.WriteString("]")
	case v.Kind() == reflect.Struct:
		b.WriteString("{")
		for i := range v.NumField() {
			b.WriteString(v.Type().Field(i).Name + ":")
			write(b, v.Field(i))
			b.WriteString(" ")
		}
		b.WriteString("}")
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}
