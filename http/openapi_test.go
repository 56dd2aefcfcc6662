package http

import (
	"encoding/json"
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
