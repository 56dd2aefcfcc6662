package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ask asks the running product as somebody of the demo workspace.
func (r *running) ask(t *testing.T, role, method, path, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.demo.Address+path, strings.NewReader(body))
	require.NoError(t, err)
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+r.demo.Members[role].Token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if into != nil {
		require.NoError(t, json.Unmarshal(answer, into), string(answer))
	}
	return resp.StatusCode
}

var mailedCode = regexp.MustCompile(`(?m)^    (\d{6})$`)

// inboxCode waits until the inbox of development has a number of mails and returns the code of the newest.
func (r *running) inboxCode(t *testing.T, n int) (code string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var inbox struct{ Items []struct{ Text string } }
		require.Equal(t, 200, r.ask(t, "", "GET", "/dev/inbox.json", "", &inbox))
		if len(inbox.Items) < n {
			return false
		}
		code = mailedCode.FindStringSubmatch(inbox.Items[0].Text)[1]
		return true
	}, 20*time.Second, 20*time.Millisecond)
	return code
}

// TestVerificationFromEndToEnd runs the product as people do: the code is read in the inbox, and the product is started again
// between asking for it and giving it.
func TestVerificationFromEndToEnd(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir)
	api := "/v1/workspaces/" + r.demo.Workspace.String()
	reveal := func() int {
		return r.ask(t, "agent", "POST", api+"/secrets/"+r.demo.Secret.String()+"/fields/api_key/reveal", `{"reason":"r"}`, nil)
	}
	require.Equal(t, 200, reveal())
	require.Equal(t, 200, r.ask(t, "owner", "PATCH", api+"/settings", `{"reveal_verification":{"required":true,"unlock_minutes":5}}`, nil))
	require.Equal(t, 428, reveal())
	var sent struct{ ID string }
	require.Equal(t, 202, r.ask(t, "agent", "POST", api+"/reveal-verifications", "", &sent))
	code := r.inboxCode(t, 1)
	token := r.demo.Members["agent"]
	r.stop()

	r = start(t, dir)
	defer func() { r.stop() }()
	r.demo.Members["agent"] = token // a new sign-in would be another session
	require.Equal(t, 200, r.ask(t, "agent", "POST", api+"/reveal-verifications/"+sent.ID+"/confirm", `{"code":"`+code+`"}`, nil))
	require.Equal(t, 200, reveal())
	var status struct {
		UnlockedUntil *time.Time `json:"unlocked_until"`
	}
	require.Equal(t, 200, r.ask(t, "agent", "GET", api+"/reveal-verification", "", &status))
	require.NotNil(t, status.UnlockedUntil)
	require.Equal(t, 200, r.ask(t, "agent", "DELETE", api+"/reveal-verification", "", nil))
	require.Equal(t, 428, reveal())

	resp, err := http.Get(r.demo.Address + "/dev/inbox")
	require.NoError(t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(page), "No mail yet", "the inbox is in memory")
}

func TestSMTPURLIsChecked(t *testing.T) {
	t.Setenv("SMTP_URL", "smtp://u:needle@mail.example.com")
	_, err := readConfig(true)
	require.ErrorContains(t, err, "SMTP_URL")
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, nil))
	c := config{SMTPURL: "smtp://u:needle@mail.example.com"}
	_, err = openPost(c, logger)
	require.ErrorContains(t, err, "SMTP_URL")
	require.NotContains(t, err.Error()+logged.String(), "needle")
	nowhere, err := openPost(config{}, logger)
	require.NoError(t, err)
	require.Empty(t, nowhere.reactions(handlers{}, logger))
	require.Nil(t, nowhere.shown())
}
