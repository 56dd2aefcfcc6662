package http

import (
	"encoding/json"
	"maps"
	nethttp "net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// refuseNulls refuses a change of parts in which a part is null that cannot be: huma takes it for one that was not sent, and
// the sender for one that is empty now.
func (s *Server) refuseNulls(ctx huma.Context, next func(huma.Context)) {
	var body map[string]any
	if json.Unmarshal(callOf(ctx.Context()).body, &body) != nil { // huma says what is wrong
		next(ctx)
		return
	}
	op := ctx.Operation()
	registry := op.Metadata[schemasOf].(huma.Registry)
	if found := nullsIn(registry, op.RequestBody.Content[jsonType].Schema, "body", body); len(found) > 0 {
		_ = huma.WriteErr(s.api, ctx, nethttp.StatusUnprocessableEntity, "", found...)
		return
	}
	next(ctx)
}

// nullsIn finds the members of an object, and of those within, that are null and may not be by the schema.
func nullsIn(registry huma.Registry, schema *huma.Schema, location string, object map[string]any) (found []error) {
	properties := resolved(registry, schema).Properties
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value := object[name]
		of := resolved(registry, properties[name])
		switch inner, isObject := value.(map[string]any); {
		case isObject:
			found = append(found, nullsIn(registry, of, location+"."+name, inner)...)
		case value == nil && of.Type != "" && !of.Nullable:
			found = append(found, &huma.ErrorDetail{Location: location + "." + name, Message: "expected " + of.Type})
		}
	}
	return found
}
