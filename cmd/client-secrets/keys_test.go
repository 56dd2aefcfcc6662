package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// operate runs a command of the operator in this process, beside whatever runs on the same folder.
func operate(t *testing.T, data string, args ...string) (string, error) {
	t.Helper()
	t.Setenv("DATA_DIR", data)
	t.Setenv("LISTEN", "127.0.0.1:0")
	root := newRoot()
	var out, progress bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&progress)
	root.SetArgs(append(args, "--dev"))
	err := root.Execute()
	return out.String(), err
}

// TestOperatorsErasePeopleAndRotateKeys works beside a running server, as operators do, and looks at what its API shows
// before and after a rebuild.
func TestOperatorsErasePeopleAndRotateKeys(t *testing.T) {
	data := filepath.Join(folder(t), "data")
	p := launch(t, data)
	ws := p.demo.Workspace.String()
	do := func(role, method, path, body string) string {
		t.Helper()
		status, _, answer := p.call(role, method, path, body)
		require.Less(t, status, 300, string(answer))
		require.Positive(t, status)
		return string(answer)
	}
	do("manager", "PUT", "/contacts/demo:riley", `{"name":"Riley Needle","email":"riley@needle.example"}`)
	do("manager", "PUT", "/members/demo:lee", `{"name":"Lee Needle","title":"Agent","active":false}`)

	_, err := operate(t, data, "erase", "member", ws, p.demo.Members["agent"].ID)
	require.ErrorContains(t, err, "member_active")
	_, err = operate(t, data, "erase", "contact", ws, "demo:nobody")
	require.EqualError(t, err, "there is no such contact (contact_not_found)")
	_, err = operate(t, data, "erase", "member", "no workspace", "demo:lee")
	require.Error(t, err)
	for kind, id := range map[string]string{"member": "demo:lee", "contact": "demo:riley"} {
		out, err := operate(t, data, "erase", kind, ws, id)
		require.NoError(t, err)
		require.Contains(t, out, id)
	}
	erased := func() string {
		status, header, answer := p.call("manager", "PATCH", "/tickets/"+p.demo.Ticket, `{"subject":"`+t.Name()+`"}`)
		require.Equal(t, http.StatusOK, status, string(answer))
		var shown bytes.Buffer
		for _, path := range []string{"/members/demo:lee", "/contacts/demo:riley"} {
			status, _, answer := p.call("manager", "GET", path, "", "X-Min-Position", header.Get("X-Log-Position"))
			require.Equal(t, http.StatusOK, status, string(answer))
			require.Contains(t, string(answer), `"name":"erased"`)
			require.NotContains(t, string(answer), "eedle")
			shown.Write(answer)
		}
		return shown.String()
	}
	live := erased()
	_, err = operate(t, data, "projections", "rebuild", "directory")
	require.NoError(t, err)
	assert.Equal(t, live, erased(), "a rebuild shows the same")

	_, err = operate(t, data, "keys", "rotate")
	require.Error(t, err)
	for range 2 {
		out, err := operate(t, data, "keys", "rotate", "--all", "--grace", "0s")
		require.NoError(t, err)
		require.Contains(t, out, ws+": retired 1")
	}
	status, err := operate(t, data, "keys", "status", "--json")
	require.NoError(t, err)
	var list []keyEpochs
	require.NoError(t, json.Unmarshal([]byte(status), &list))
	require.Len(t, list, 1)
	require.Len(t, list[0].Epochs, 1)
	assert.Equal(t, 3, list[0].Epochs[0].Number)
	assert.Positive(t, list[0].Epochs[0].Keys)
	table, err := operate(t, data, "keys", "status", ws)
	require.NoError(t, err)
	assert.Contains(t, table, "current")
	do("agent", "POST", "/secrets/"+p.demo.Secret.String()+"/fields/api_key/reveal", "{}")
	p.kill()

	p = launch(t, data)
	do("agent", "POST", "/secrets/"+p.demo.Secret.String()+"/fields/api_key/reveal", "{}")
	p.kill()
	t.Run("without its root key the program refuses to start", func(t *testing.T) { refusesForeignKeys(t, data) })
}

// refusesForeignKeys takes the root key away, then puts another in its place.
func refusesForeignKeys(t *testing.T, data string) {
	key := filepath.Join(data, "root.key")
	require.NoError(t, os.Rename(key, key+".kept"))
	begin := func() string {
		command := exec.CommandContext(t.Context(), os.Args[0], "serve", "--dev")
		command.Env = append(os.Environ(), asProgram+"=1", "LISTEN=127.0.0.1:0", "DATA_DIR="+data, "EVENTSTORE_CACHE_BYTES=16777216")
		said, err := command.CombinedOutput()
		require.Error(t, err, string(said))
		return string(said)
	}
	assert.Contains(t, begin(), "the root key cannot be used: there is no key file")
	_, err := os.Stat(key)
	require.ErrorIs(t, err, os.ErrNotExist, "none is made in its place")
	_, err = operate(t, data, "key", "create", key)
	require.NoError(t, err)
	assert.Contains(t, begin(), "the root key cannot be used: it does not open what this vault was made with")
	require.NoError(t, os.Rename(key+".kept", key))
	launch(t, data)
}
