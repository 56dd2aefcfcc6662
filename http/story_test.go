package http

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/projections/directory"
	"github.com/kdesk/client-secrets/projections/record"
)

const owner, agent, other = commandstest.Owner, commandstest.Assignee, commandstest.Other

func TestAnAgentWorksATicket(t *testing.T) {
	w := newWorld(t)
	me := w.get(t, agent, "/v1/me")
	require.Equal(t, 200, me.StatusCode, string(me.body))
	var who Me
	me.into(t, &who)
	require.Equal(t, agent, who.Workspaces[0].Member)
	require.True(t, who.Workspaces[0].ClientSecretsPage)

	set := w.as(t, owner, "PUT", w.api+"/secrets/"+w.Secret.String()+"/fields/note", `{"value":"call \"Riley\" <first>"}`)
	require.Equal(t, 200, set.StatusCode, string(set.body))
	require.NotEmpty(t, set.Header.Get("ETag"))

	got := w.get(t, agent, w.api+"/tickets/"+commandstest.Ticket+"/panel")
	require.Equal(t, 200, got.StatusCode, string(got.body))
	require.NotContains(t, string(got.body), commandstest.Value)
	var panel Panel
	got.into(t, &panel)
	require.Len(t, panel.Items, 1)
	item := panel.Items[0]
	require.Equal(t, []string{"linked"}, item.Why)
	require.Equal(t, "rule", item.Access.Via)
	require.True(t, item.Can.Reveal)
	require.False(t, item.Can.Manage)
	require.True(t, item.Fields[0].Masked)
	require.Nil(t, item.Fields[0].Value)
	require.Equal(t, `call "Riley" <first>`, *item.Fields[1].Value)

	none := w.get(t, other, w.api+"/tickets/"+commandstest.Ticket+"/panel")
	require.Contains(t, string(none.body), `"items":[]`)

	path := w.api + "/secrets/" + w.Secret.String() + "/fields/api_key/reveal"
	shown := w.as(t, agent, "POST", path, `{"reason":"customer called"}`)
	require.Equal(t, 200, shown.StatusCode, string(shown.body))
	var revealed Revealed
	shown.into(t, &revealed)
	require.Equal(t, commandstest.Value, revealed.Value)
	require.Equal(t, agent, revealed.Receipt.Member)
	require.Equal(t, 30, revealed.RemaskAfterSeconds)
	require.Equal(t, "no-store", shown.Header.Get("Cache-Control"))

	denied := w.as(t, other, "POST", path, "")
	require.Equal(t, 404, denied.StatusCode)
	require.Equal(t, "not_found", denied.code(t))

	w.AwaitReveals(t, 2)
	facts := w.get(t, owner, w.api+"/audit/reveals?limit=1")
	require.Equal(t, 200, facts.StatusCode, string(facts.body))
	var page List[RevealFact]
	facts.into(t, &page)
	require.EqualValues(t, "denied", page.Items[0].Kind)
	cursor := *page.NextCursor
	next := w.get(t, owner, w.api+"/audit/reveals?limit=1&cursor="+cursor)
	next.into(t, &page)
	require.Equal(t, revealed.Receipt.EventID, page.Items[0].EventID)
	require.Nil(t, page.NextCursor)
	require.Equal(t, "invalid_cursor", w.get(t, owner, w.api+"/audit/reveals?order=asc&cursor="+cursor).code(t))
	require.Equal(t, "invalid_cursor", w.get(t, owner, w.api+"/audit/reveals?cursor=x"+cursor).code(t))
	require.NotContains(t, w.logged.String(), commandstest.Value)
}

func TestChangesAreMadeOnce(t *testing.T) {
	w := newWorld(t)
	body := `{"name":"VPN","fields":[{"key":"psk","label":"Key","type":"text","sensitive":true}]}`
	first := w.as(t, owner, "POST", w.api+"/templates", body, "Idempotency-Key", "k1")
	require.Equal(t, 201, first.StatusCode, string(first.body))
	again := w.as(t, owner, "POST", w.api+"/templates", body, "Idempotency-Key", "k1")
	require.Equal(t, first.body, again.body)
	require.Equal(t, 201, again.StatusCode)
	for _, h := range []string{"ETag", "Location", headerPosition, "Content-Type"} {
		require.Equal(t, first.Header.Get(h), again.Header.Get(h), h)
	}
	reused := w.as(t, owner, "POST", w.api+"/templates", `{"name":"Other","fields":[]}`, "Idempotency-Key", "k1")
	require.Equal(t, "idempotency_key_reused", reused.code(t))
	refused := w.as(t, owner, "POST", w.api+"/templates", `{"name":"","fields":[]}`, "Idempotency-Key", "k2")
	require.Equal(t, 422, refused.StatusCode)
	corrected := w.as(t, owner, "POST", w.api+"/templates", body, "Idempotency-Key", "k2")
	require.Equal(t, 201, corrected.StatusCode, string(corrected.body))

	path := w.api + "/secrets/" + w.Secret.String() + "/fields/api_key/reveal"
	one := w.as(t, agent, "POST", path, `{"reason":"r"}`, "Idempotency-Key", "r1")
	two := w.as(t, agent, "POST", path, `{"reason":"r"}`, "Idempotency-Key", "r1")
	require.Equal(t, 200, two.StatusCode, string(two.body))
	var a, b Revealed
	one.into(t, &a)
	two.into(t, &b)
	require.NotEqual(t, a.Receipt.EventID, b.Receipt.EventID)
	events := w.Scene.Reveals(t)
	require.Len(t, events, 2)
	require.Equal(t, a.Receipt.EventID, events[1].Event.(reveal.FieldRevealed).RetryOf)
}

func TestRevisionsGuardChanges(t *testing.T) {
	w := newWorld(t)
	got := w.get(t, owner, w.api+"/settings")
	require.Equal(t, 200, got.StatusCode, string(got.body))
	tag := got.Header.Get("ETag")
	require.Equal(t, 200, w.as(t, owner, "PATCH", w.api+"/settings", `{"reason":"required"}`, "If-Match", tag).StatusCode)
	stale := w.as(t, owner, "PATCH", w.api+"/settings", `{"reason":"off"}`, "If-Match", tag)
	require.Equal(t, 412, stale.StatusCode)
	require.Equal(t, "stale_revision", stale.code(t))
	require.Equal(t, 400, w.as(t, owner, "PATCH", w.api+"/settings", `{"reason":"off"}`, "If-Match", "7").StatusCode)
	reason := w.as(t, agent, "POST", w.api+"/secrets/"+w.Secret.String()+"/fields/api_key/reveal", "")
	require.Equal(t, 428, reason.StatusCode)
	require.Equal(t, "reason_required", reason.code(t))
}

func TestTheWholeOfAWorkspace(t *testing.T) {
	w := newWorld(t)
	secret := w.api + "/secrets/" + w.Secret.String()
	for _, step := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", w.api + "/members/zd:1", `{"name":"Ann","email":"ann@example.com"}`, 200},
		{"PATCH", w.api + "/members/zd%3A1", `{"division":"North"}`, 200},
		{"PUT", w.api + "/members/zd:1/permissions", `{"permissions":["secrets.view"]}`, 200},
		{"PUT", w.api + "/members/zd:1/owner", `{"owner":true}`, 200},
		{"PUT", w.api + "/members/zd:1/owner", `{"owner":false}`, 200},
		{"PUT", w.api + "/members/zd:1/identity", `{"issuer":"https://i.example","subject":"1"}`, 200},
		{"PUT", w.api + "/groups/zd:g", `{"name":"Support","members":["zd:1"]}`, 200},
		{"PUT", w.api + "/contacts/zd:c", `{"name":"Riley","owners":["zd:1"]}`, 200},
		{"PATCH", w.api + "/contacts/zd:c", `{"company":"Acme"}`, 200},
		{"PUT", w.api + "/tickets/zd:t", `{"subject":"Help","status":"open","contact":"zd:c","assignees":["zd:1"]}`, 200},
		{"PATCH", w.api + "/tickets/zd:t", `{"status":"closed"}`, 200},
		{"PUT", secret + "/tickets/zd:t", ``, 200},
		{"PUT", secret + "/contacts/zd:c", ``, 200},
		{"PUT", secret + "/assignments/member/zd:1", ``, 200},
		{"PUT", secret + "/assignments/everyone/all", ``, 200},
		{"PUT", secret + "/assignments/division/North%20West", ``, 200},
		{"POST", secret + "/rules", `{"kind":"contact_owner","while":"always"}`, 201},
		{"PATCH", secret, `{"description":"d","expires_at":"2099-01-01T00:00:00Z"}`, 200},
		{"PATCH", secret, `{"expires_at":null,"active":false}`, 200},
		{"PATCH", secret, `{"active":true}`, 200},
		{"DELETE", secret + "/assignments/everyone/all", ``, 200},
		{"DELETE", secret + "/tickets/zd:t", ``, 200},
		{"DELETE", secret + "/fields/note", ``, 200},
		{"DELETE", w.api + "/groups/zd:g", ``, 200},
	} {
		got := w.as(t, owner, step.method, step.path, step.body)
		require.Equal(t, step.status, got.StatusCode, step.method+" "+step.path+" "+string(got.body))
		require.NotEmpty(t, got.Header.Get("ETag"))
		require.NotEmpty(t, got.Header.Get(headerPosition))
	}
	for _, path := range []string{"/members", "/members/zd:1", "/contacts", "/contacts/zd:c", "/tickets?q=help", "/tickets/zd:t", "/groups",
		"/templates", "/templates/" + w.Template.String(), "/secrets?ticket=zd:t&state=active&q=ten", "/secrets/" + w.Secret.String(),
		"/secrets/" + w.Secret.String() + "/fields/api_key/versions", "/secrets/" + w.Secret.String() + "/rules",
		"/secrets/" + w.Secret.String() + "/access", "/secrets/" + w.Secret.String() + "/access?member=zd:1", "/reveal-verification"} {
		got := w.get(t, owner, w.api+path)
		require.Equal(t, 200, got.StatusCode, path+" "+string(got.body))
		require.True(t, json.Valid(got.body))
		require.NotEmpty(t, got.Header.Get(headerPosition))
	}
	gone := w.get(t, owner, w.api+"/groups/zd:g")
	require.Equal(t, "group_not_found", gone.code(t))
	require.Equal(t, 403, w.get(t, agent, w.api+"/members").StatusCode)
	require.Equal(t, 404, w.get(t, other, w.api+"/secrets/"+w.Secret.String()).StatusCode)
	require.Equal(t, 404, w.get(t, "stranger", w.api+"/settings").StatusCode)
	created := w.as(t, "stranger", "POST", workspacesPath, `{"name":"Mine"}`, "Idempotency-Key", "k")
	require.Equal(t, 201, created.StatusCode, string(created.body))
	var body ChangeBody
	created.into(t, &body)
	require.Equal(t, 200, w.get(t, "stranger", workspacesPath+"/"+body.ID+"/settings").StatusCode)
}

func TestRulesComeInPages(t *testing.T) {
	w := newWorld(t)
	rules := w.api + "/secrets/" + w.Secret.String() + "/rules"
	for _, kind := range []string{"ticket_follower", "ticket_creator", "contact_owner"} {
		require.Equal(t, 201, w.as(t, owner, "POST", rules, `{"kind":"`+kind+`"}`).StatusCode)
	}
	var all, page List[record.Rule]
	w.get(t, owner, rules).into(t, &all)
	require.Greater(t, len(all.Items), 3)
	require.Nil(t, all.NextCursor)
	var paged []record.Rule
	for cursor := ""; ; cursor = "&cursor=" + *page.NextCursor {
		page = List[record.Rule]{}
		w.get(t, owner, rules+"?limit=2"+cursor).into(t, &page)
		require.LessOrEqual(t, len(page.Items), 2)
		if paged = append(paged, page.Items...); page.NextCursor == nil {
			break
		}
	}
	require.Equal(t, all.Items, paged)
}

func TestAnOlderFactAboutPartsOfAMemberIsIgnored(t *testing.T) {
	w := newWorld(t)
	member := w.api + "/members/zd:patched"
	require.Equal(t, 200, w.as(t, owner, "PUT", member, `{"name":"Lee","title":"Lead","source_version":"2026-02-01T00:00:00Z"}`).StatusCode)
	require.Equal(t, 200, w.as(t, owner, "PATCH", member, `{"title":"Trainee","source_version":"2026-01-01T00:00:00Z"}`).StatusCode)
	var found directory.Member
	w.get(t, owner, member).into(t, &found)
	require.Equal(t, "Lead", found.Title)
	require.Equal(t, 200, w.as(t, owner, "PATCH", member, `{"title":"Boss","source_version":"2026-03-01T00:00:00Z"}`).StatusCode)
	w.get(t, owner, member).into(t, &found)
	require.Equal(t, "Boss", found.Title)
}

// Whoever passes on an older position that somebody gave them still finds what they changed themselves.
func TestAnOlderPositionHidesNoOwnChange(t *testing.T) {
	w := newWorld(t)
	older := w.settled(t)
	for i := range 10 {
		member := fmt.Sprintf("%s/members/zd:own-%d", w.api, i)
		require.Equal(t, 200, w.as(t, owner, "PUT", member, `{"name":"Lee"}`).StatusCode)
		require.Equal(t, 200, w.as(t, owner, "GET", member, "", headerMinPosition, older).StatusCode)
	}
}
