package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	revealSecrets = 50
	panelSecrets  = 5
	panelTicket   = "bench:panel"
)

// world is the workspace that the load is put on.
type world struct {
	demo
	targets []target
	panel   []entry
}

// target is one value that somebody may reveal.
type target struct {
	path, token, value string
	body               []byte
}

// entry is a secret in the panel.
type entry struct{ id, shown, hidden string }

// makeWorld makes secrets over the API. Those for reveals are assigned to a member; those for the panel are linked to a
// ticket whose assignee gets in by a rule.
func makeWorld(ctx context.Context, d demo) (*world, error) {
	w := &world{demo: d}
	template, err := w.make(ctx, "/templates", map[string]any{"name": "Bench", "fields": []any{
		map[string]any{"key": "account", "label": "Account", "type": "text", "required": true},
		map[string]any{"key": "api_key", "label": "API key", "type": "text", "sensitive": true},
		map[string]any{"key": "notes", "label": "Notes", "type": "message", "sensitive": true},
	}})
	if err != nil {
		return nil, err
	}
	for i := range revealSecrets {
		if err := w.addRevealed(ctx, template, i); err != nil {
			return nil, err
		}
	}
	return w, w.addPanel(ctx)
}

func (w *world) addRevealed(ctx context.Context, template string, i int) error {
	values := map[string]string{"account": fmt.Sprintf("account-%d", i), "api_key": fmt.Sprintf("key-%d-0123456789abcdef", i),
		"notes": fmt.Sprintf("notes %d: ask before use", i)}
	id, err := w.make(ctx, "/secrets", map[string]any{"template_id": template, "name": fmt.Sprintf("Reveal %d", i), "fields": values,
		"assignments": []any{map[string]any{"kind": "member", "target": w.Members["outsider"].ID}}})
	if err != nil {
		return err
	}
	for _, field := range []string{"api_key", "notes"} {
		w.addTarget("outsider", id, field, values[field], `{"reason":"the customer called"}`)
		w.addTarget("manager", id, field, values[field], `{}`)
		w.addTarget("owner", id, field, values[field], `{}`)
	}
	return nil
}

func (w *world) addTarget(role, secret, field, value, body string) {
	w.targets = append(w.targets, target{w.path("/secrets/" + secret + "/fields/" + field + "/reveal"), w.Members[role].Token, value, []byte(body)})
}

func (w *world) addPanel(ctx context.Context) error {
	err := w.call(ctx, http.MethodPut, "/tickets/"+url.PathEscape(panelTicket), map[string]any{
		"subject": "Bench", "status": "open", "assignees": []string{w.Members["agent"].ID}}, nil)
	if err != nil {
		return err
	}
	template, err := w.make(ctx, "/templates", map[string]any{"name": "Panel", "fields": []any{
		map[string]any{"key": "account", "label": "Account", "type": "text"},
		map[string]any{"key": "api_key", "label": "API key", "type": "text", "sensitive": true},
	}})
	if err != nil {
		return err
	}
	for i := range panelSecrets {
		e := entry{shown: fmt.Sprintf("shown-%d", i), hidden: fmt.Sprintf("hidden-%d", i)}
		e.id, err = w.make(ctx, "/secrets", map[string]any{"template_id": template, "name": fmt.Sprintf("Panel %d", i),
			"fields": map[string]string{"account": e.shown, "api_key": e.hidden}, "tickets": []string{panelTicket},
			"rules": []any{map[string]any{"kind": "ticket_assignee"}}})
		if err != nil {
			return err
		}
		w.panel = append(w.panel, e)
		w.addTarget("agent", e.id, "api_key", e.hidden, `{"reason":"the customer called","ticket_id":"`+panelTicket+`"}`)
	}
	return nil
}

func (w *world) path(rest string) string { return "/v1/workspaces/" + w.Workspace.String() + rest }

// make creates something as the manager and returns its id.
func (w *world) make(ctx context.Context, path string, body any) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	return made.ID, w.call(ctx, http.MethodPost, path, body, &made)
}

var setup = &http.Client{Timeout: 30 * time.Second}

// call sends a request of the manager; an answer other than a success is an error.
func (w *world) call(ctx context.Context, method, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, w.Address+w.path(path), bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+w.Members["manager"].Token)
	request.Header.Set("Content-Type", "application/json")
	response, err := setup.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, got)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(got, answer)
}
