package http

import (
	nethttp "net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// Health says that the process answers.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// Readiness says whether everything that requests need is there.
type Readiness struct {
	Ready   bool     `json:"ready"`
	Missing []string `json:"missing" nullable:"false" doc:"What is not there"`
	Notices []string `json:"notices,omitempty" nullable:"false" doc:"What operators must know; requests are served"`
}

// pageRoutes describes what registerOperations serves, to whoever asks.
func (s *Server) pageRoutes() {
	text := &huma.Schema{Type: huma.TypeString}
	s.describePage("/healthz", "get-health", "Whether the process answers", "application/json", s.schemaOf(Health{}))
	s.describePage("/readyz", "get-readiness", "Whether everything that requests need is there", "application/json", s.schemaOf(Readiness{}), nethttp.StatusServiceUnavailable)
	s.describePage("/metrics", "get-metrics", "Metrics, for Prometheus", "text/plain", text)
	s.describePage("/openapi.json", "get-openapi", "This description", "application/vnd.oai.openapi+json", &huma.Schema{Type: huma.TypeObject})
	s.describePage("/docs", "get-docs", "This description, to be read by people", "text/html", text)
}

func (s *Server) schemaOf(body any) *huma.Schema {
	t := reflect.TypeOf(body)
	return s.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// describePage describes a page whose answers, also with other statuses than 200, are all of one kind.
func (s *Server) describePage(path, id, summary, mediaType string, schema *huma.Schema, others ...int) {
	op := &huma.Operation{Method: nethttp.MethodGet, Path: path, OperationID: id, Summary: summary, Tags: []string{"Operations"},
		Security: []map[string][]string{}, Responses: map[string]*huma.Response{}}
	for _, status := range append(others, nethttp.StatusOK) {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: nethttp.StatusText(status),
			Content: map[string]*huma.MediaType{mediaType: {Schema: schema}}}
	}
	s.api.OpenAPI().AddOperation(op)
}
