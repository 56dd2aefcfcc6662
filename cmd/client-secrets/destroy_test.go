package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestADestructionSurvivesACrash kills the server right after it took a request to destroy a secret, starts it again and
// rebuilds the read model: what was asked for is carried out, and nothing of the secret is left but that it was there.
func TestADestructionSurvivesACrash(t *testing.T) {
	data := filepath.Join(folder(t), "data")
	p := launch(t, data)
	path := "/secrets/" + p.demo.Secret.String()
	_, _, before := p.call("manager", "GET", path, "")
	var doc struct {
		Name      string
		Destroyed *struct {
			CompleteAt *time.Time `json:"complete_at"`
		}
	}
	require.NoError(t, json.Unmarshal(before, &doc))
	name := doc.Name
	body, err := json.Marshal(map[string]string{"confirm": name})
	require.NoError(t, err)
	status, _, answer := p.call("manager", "POST", path+"/destroy", string(body), "Idempotency-Key", "once")
	require.Equal(t, http.StatusAccepted, status, string(answer))
	p.kill()

	p = launch(t, data)
	status, _, again := p.call("manager", "POST", path+"/destroy", string(body), "Idempotency-Key", "once")
	assert.Equal(t, http.StatusAccepted, status, string(again))
	shown := func() []byte {
		_, _, answer := p.call("manager", "GET", path, "")
		doc.Destroyed = nil
		require.NoError(t, json.Unmarshal(answer, &doc), string(answer))
		return answer
	}
	require.Eventually(t, func() bool { shown(); return doc.Destroyed != nil && doc.Destroyed.CompleteAt != nil }, time.Minute, 20*time.Millisecond)
	assert.WithinDuration(t, time.Now().Add(35*24*time.Hour), *doc.Destroyed.CompleteAt, 5*time.Minute)
	live := shown()
	assert.NotContains(t, string(live), name)
	p.kill()

	for _, model := range []string{"secrets", "ticketpanel"} {
		t.Setenv("DATA_DIR", data)
		root := newRoot()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs([]string{"projections", "rebuild", model, "--dev"})
		require.NoError(t, root.Execute(), out.String())
	}
	p = launch(t, data)
	assert.JSONEq(t, string(live), string(shown()), "a rebuild shows the same")
	status, _, _ = p.call("agent", "GET", path, "")
	assert.Equal(t, http.StatusNotFound, status)
}
