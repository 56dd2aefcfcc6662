package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

const asProgram = "CLIENT_SECRETS_TEST_AS_PROGRAM"

// TestMain lets the test binary be the program itself, so that tests can kill it.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	postgrestest.Main(m)
}

// program is the product in a process of its own.
type program struct {
	command *exec.Cmd
	demo    demoFile
}

func launch(t *testing.T, data string) *program {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(data, "demo.json")))
	p := &program{command: exec.Command(os.Args[0], "serve", "--dev")}
	p.command.Env = append(os.Environ(), asProgram+"=1", "LISTEN=127.0.0.1:0", "DATA_DIR="+data, "EVENTSTORE_CACHE_BYTES=16777216")
	p.command.Stderr = os.Stderr
	out, err := p.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.command.Start())
	t.Cleanup(p.kill)
	deadline := time.AfterFunc(2*time.Minute, p.kill)
	first := make([]byte, 1)
	_, err = io.ReadFull(out, first)
	deadline.Stop()
	require.NoError(t, err, "the program ended before it was ready")
	go func() { _, _ = io.Copy(io.Discard, out) }()
	p.demo = readDemo(t, data)
	return p
}

// kill ends the program as kill -9 does.
func (p *program) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// call sends a request as a member and returns status and body; the status is 0 if there was no whole answer.
func (p *program) call(role, method, path, body string, headers ...string) (int, http.Header, []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s/v1/workspaces/%s%s", p.demo.Address, p.demo.Workspace, path), strings.NewReader(body))
	if err != nil {
		return 0, nil, nil
	}
	request.Header.Set("Authorization", "Bearer "+p.demo.Members[role].Token)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, nil
	}
	return response.StatusCode, response.Header, answer
}

// acknowledged is what clients were told before the server was killed.
type acknowledged struct {
	mu      sync.Mutex
	secrets []string
	reveals []uuid.UUID
}

// traffic makes secrets and reveals a field until the server is gone.
func (a *acknowledged) traffic(p *program, template string) *sync.WaitGroup {
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			for n := 0; ; n++ {
				body := fmt.Sprintf(`{"template_id":%q,"name":"made %d.%d","fields":{"tenant_id":"t","api_key":"k"}}`, template, i, n)
				status, _, answer := p.call("manager", "POST", "/secrets", body)
				var made struct{ ID string }
				if status != http.StatusCreated || json.Unmarshal(answer, &made) != nil {
					return
				}
				a.mu.Lock()
				a.secrets = append(a.secrets, made.ID)
				a.mu.Unlock()
			}
		})
		clients.Go(func() {
			for {
				status, _, answer := p.call("agent", "POST", "/secrets/"+p.demo.Secret.String()+"/fields/api_key/reveal", "{}")
				var revealed struct {
					Receipt struct {
						EventID uuid.UUID `json:"event_id"`
					}
				}
				if status != http.StatusOK || json.Unmarshal(answer, &revealed) != nil {
					return
				}
				a.mu.Lock()
				a.reveals = append(a.reveals, revealed.Receipt.EventID)
				a.mu.Unlock()
			}
		})
	}
	return &clients
}

func (a *acknowledged) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return min(len(a.secrets), len(a.reveals))
}

// TestNothingAcknowledgedIsLost kills the server in the middle of traffic and starts it again.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	data := filepath.Join(folder(t), "data")
	var a acknowledged
	for round := range 3 {
		p := launch(t, data)
		_, _, listed := p.call("manager", "GET", "/templates", "")
		var templates struct{ Items []struct{ ID string } }
		require.NoError(t, json.Unmarshal(listed, &templates))
		require.NotEmpty(t, templates.Items)
		clients := a.traffic(p, templates.Items[0].ID)
		require.Eventually(t, func() bool { return a.count() >= 20*(round+1) }, time.Minute, time.Millisecond)
		p.kill()
		clients.Wait()
	}
	p := launch(t, data)
	_, header, _ := p.call("manager", "PATCH", "/secrets/"+p.demo.Secret.String(), `{"description":"after the crashes"}`)
	after := header.Get("X-Log-Position")
	for _, id := range a.secrets {
		status, _, _ := p.call("manager", "GET", "/secrets/"+id, "", "X-Min-Position", after)
		assert.Equal(t, http.StatusOK, status, "a secret that was acknowledged")
	}
	recorded := p.allReveals(t, after)
	for _, id := range a.reveals {
		assert.True(t, recorded[id], "a reveal that was answered")
	}
}

// allReveals reads the audit to its end.
func (p *program) allReveals(t *testing.T, position string) map[uuid.UUID]bool {
	found := map[uuid.UUID]bool{}
	cursor := ""
	for {
		status, _, answer := p.call("auditor", "GET", "/audit/reveals?limit=200&cursor="+cursor, "", "X-Min-Position", position)
		require.Equal(t, http.StatusOK, status, string(answer))
		var page struct {
			Items []struct {
				EventID uuid.UUID `json:"event_id"`
			}
			NextCursor string `json:"next_cursor"`
		}
		require.NoError(t, json.NewDecoder(bytes.NewReader(answer)).Decode(&page))
		for _, r := range page.Items {
			found[r.EventID] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			return found
		}
	}
}

// TestEmbeddedDatabaseComesBack kills PostgreSQL under the server: what needs it fails meanwhile and then works again.
func TestEmbeddedDatabaseComesBack(t *testing.T) {
	data := filepath.Join(folder(t), "data")
	p := launch(t, data)
	line, err := os.ReadFile(filepath.Join(data, "postgres", "data", "postmaster.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(line), "\n", 2)[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		status, header, body := p.call("agent", "GET", "/tickets/"+p.demo.Ticket+"/panel", "")
		if status != http.StatusOK {
			assert.Equal(t, http.StatusServiceUnavailable, status, string(body))
			assert.NotEmpty(t, header.Get("Retry-After"))
		}
		assert.Equal(c, http.StatusOK, status)
		assert.Contains(c, string(body), "Acme production tenant")
	}, 20*time.Second, 20*time.Millisecond)
	status, _, body := p.call("manager", "PATCH", "/secrets/"+p.demo.Secret.String(), `{"description":"after the database came back"}`)
	assert.Equal(t, http.StatusOK, status, string(body))
}
