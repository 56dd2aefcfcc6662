package http

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenAPINeedsNoBackend(t *testing.T) {
	described, err := OpenAPI()
	require.NoError(t, err)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	require.NoError(t, json.Unmarshal(described, &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.Contains(t, doc.Paths, "/v1/me")
	reveal := doc.Paths["/v1/workspaces/{workspace}/secrets/{id}/fields/{key}/reveal"]
	require.Contains(t, reveal, "post")
}

// apiDocument is the API's description, as far as tests look into it.
type apiDocument struct {
	Paths      map[string]map[string]operationDoc
	Components struct{ Schemas map[string]schema }
}

type operationDoc struct {
	ID          string `json:"operationId"`
	Description string
	Parameters  []parameterDoc
	Body        struct {
		Content map[string]struct{ Schema schema }
	} `json:"requestBody"`
}

type parameterDoc struct {
	Name, In string
	Schema   schema
}

func (s *Server) document(t testing.TB) (doc apiDocument) {
	require.NoError(t, json.Unmarshal(s.described, &doc))
	return doc
}

func (d apiDocument) resolved(s schema) schema {
	if s.Ref != "" {
		return d.Components.Schemas[s.name()]
	}
	return s
}

// schema is a part of the API's description, as far as drawing needs it.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"` // a name, or several
	Format     string            `json:"format"`
	Enum       []any             `json:"enum"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Items      *schema           `json:"items"`
	Minimum    *float64          `json:"minimum"`
	Maximum    *float64          `json:"maximum"`
	More       json.RawMessage   `json:"additionalProperties"`
	AnyOf      []schema          `json:"anyOf"`
	OneOf      []schema          `json:"oneOf"`
}

// kind returns the type, whichever comes first of several.
func (s schema) kind() string {
	switch t := s.Type.(type) {
	case string:
		return t
	case []any:
		return fmt.Sprint(t[0])
	}
	return ""
}

// name is that of what a schema refers to.
func (s schema) name() string { return s.Ref[strings.LastIndex(s.Ref, "/")+1:] }

func (s schema) is(kind string) bool {
	several, _ := s.Type.([]any)
	return s.Type == kind || slices.Contains(several, any(kind))
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
