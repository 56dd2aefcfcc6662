package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/eventstore"
)

// references are the members of bodies that name things, by the kind of thing.
var references = map[string]string{
	"template_id": "templates", "ticket_id": "tickets", "tickets": "tickets", "contact": "contacts", "contacts": "contacts", "owners": "members",
	"members": "members", "created_by": "members", "assignees": "members", "followers": "members", "approvers": "members", "groups": "groups",
	"upload": "uploads",
}

// inBoth are the names that every workspace of these tests has.
var inBoth = map[string]string{commandstest.Ticket: "tickets", commandstest.Assignee: "members"}

// An id of another workspace, wherever it stands in a request, is answered as one that is nowhere; nothing happens there.
// Names of the directory are each workspace's own: one that is new here may be made here.
func TestIDsOfAnotherWorkspaceAreOfNothing(t *testing.T) {
	here := newProp(t)
	there := &prop{here.elsewhere(t), t}
	for _, d := range here.known() {
		op := everything[d.id]
		t.Run(d.id, func(t *testing.T) {
			here.t, there.t = t, t
			theirs := op.ask(there)
			for i, id := range theirs.in {
				if !isID(id) {
					continue
				}
				if kind, common := inBoth[id]; common {
					id = there.one(kind)
				}
				foreign, absent := op.ask(here), op.ask(here)
				foreign.in[i], absent.in[i] = id, absentLike(id)
				here.sameAnswer(d, foreign, absent, there)
			}
			for name, s := range d.members {
				kind, names := references[name]
				if s.Format == "uuid" {
					require.True(t, names, "%s names things: add it to the references", name)
				}
				if !names {
					continue
				}
				id, prepared := there.one(kind), op.ask
				if kind == "uploads" {
					prepared = onFile // takes one, and no value beside it
				}
				foreign, absent := prepared(here), prepared(here)
				foreign.body, absent.body = naming(t, foreign.body, name, s, id), naming(t, absent.body, name, s, absentLike(id))
				here.sameAnswer(d, foreign, absent, there)
			}
		})
	}
	here.t, there.t = t, t
	d := described{id: "create-secret", method: "POST", path: inWorkspace + "/secrets"}
	for in, id := range map[string]string{
		`{"template_id":%q,"name":"N","fields":{"api_key":"v"},"assignments":[{"kind":"member","target":%q}]}`: there.one("members"),
		`{"template_id":%q,"name":"N","files":{"licence":%q}}`:                                                 there.one("uploads"),
	} {
		template := here.Template.String()
		if strings.Contains(in, "licence") {
			template = here.made("/templates", fileTemplate)
		}
		here.sameAnswer(d, ask{body: fmt.Sprintf(in, template, id)}, ask{body: fmt.Sprintf(in, template, absentLike(id))}, there)
	}
}

// sameAnswer sends two requests that must be answered alike, and looks whether anything happened there.
func (p *prop) sameAnswer(d described, foreign, absent ask, there *prop) {
	p.t.Helper()
	before, err := p.Log.Head(p.t.Context())
	require.NoError(p.t, err)
	got, want := p.send(owner, p.fill(d, foreign)), p.send(owner, p.fill(d, absent))
	require.Equal(p.t, want.StatusCode, got.StatusCode, "%v %s: %s", foreign.in, foreign.body, got.body)
	if want.StatusCode >= nethttp.StatusBadRequest {
		require.Equal(p.t, string(want.body), string(got.body))
		require.Contains(p.t, []int{nethttp.StatusNotFound, nethttp.StatusUnprocessableEntity}, got.StatusCode, string(got.body))
	}
	require.Empty(p.t, there.recordedSince(before), "nothing is recorded in the other workspace")
}

// recordedSince returns the types of the workspace's facts after a position.
func (p *prop) recordedSince(position eventstore.Position) (types []string) {
	for r, err := range p.Log.ReadAll(p.t.Context(), position, 0, eventstore.Filter{}) {
		require.NoError(p.t, err)
		if bytes.Contains(r.Metadata, []byte(p.Workspace.String())) {
			types = append(types, r.Type)
		}
	}
	return types
}

// one makes a thing of a kind and returns its id.
func (p *prop) one(kind string) string {
	switch kind {
	case "templates":
		return p.made("/templates", templateBody)
	case "uploads":
		return p.uploaded(p.t, "theirs.txt", "bytes")
	}
	return p.thing(kind)
}

func isID(s string) bool {
	_, err := uuid.Parse(s)
	return err == nil || strings.Contains(s, ":")
}

// absentLike returns an id like another that is nowhere.
func absentLike(id string) string {
	if source, _, is := strings.Cut(id, ":"); is {
		return source + ":" + uuid.NewString()
	}
	return uuid.NewString()
}

// naming returns a body whose member names a thing.
func naming(t *testing.T, body, name string, s schema, id string) string {
	members := map[string]any{}
	if body != "" {
		require.NoError(t, json.Unmarshal([]byte(body), &members))
	}
	members[name] = id
	if s.is("array") {
		members[name] = []string{id}
	}
	out, err := json.Marshal(members)
	require.NoError(t, err)
	return string(out)
}
