package http

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/platform/helpdesk"
	"github.com/kdesk/client-secrets/projections/directory"
	"github.com/kdesk/client-secrets/vault"
)

const sourceSecret = "s3cret-of-the-webhooks"

func (w *world) configure(t *testing.T, source, body string) {
	t.Helper()
	got := w.as(t, owner, "PUT", w.api+"/sources/"+source, body)
	require.Equal(t, 200, got.StatusCode, string(got.body))
}

func captured(t *testing.T, name string, replace ...string) string {
	data, err := os.ReadFile("../platform/helpdesk/testdata/" + name)
	require.NoError(t, err)
	return strings.NewReplacer(replace...).Replace(string(data))
}

func (w *world) zendesk(t *testing.T, secret, body string, at time.Time) answered {
	t.Helper()
	stamp := at.UTC().Format(time.RFC3339)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + body))
	return w.as(t, "", "POST", w.api+"/sources/zendesk", body, "X-Zendesk-Webhook-Signature-Timestamp", stamp,
		"X-Zendesk-Webhook-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func (w *world) zammad(t *testing.T, secret, body string) answered {
	t.Helper()
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(body))
	return w.as(t, "", "POST", w.api+"/sources/zammad", body, "X-Hub-Signature", "sha1="+hex.EncodeToString(mac.Sum(nil)))
}

func (w *world) outcome(t *testing.T, got answered, changed, ignored, refused int) {
	t.Helper()
	require.Equal(t, 200, got.StatusCode, string(got.body))
	var out DeliveryOutcome
	got.into(t, &out)
	require.Equal(t, DeliveryOutcome{changed, ignored, refused}, out)
}

func (w *world) ticket(t *testing.T, id string) (found directory.Ticket) {
	t.Helper()
	got := w.get(t, owner, w.api+"/tickets/"+url.PathEscape(id))
	require.Equal(t, 200, got.StatusCode, string(got.body))
	got.into(t, &found)
	return found
}

func TestWebhooksAreAppliedInTheSourcesOrder(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "zendesk", `{"secret":"`+sourceSecret+`"}`)
	assigned, now := captured(t, "zendesk_agent_assignment_changed.json"), time.Now()
	w.outcome(t, w.zendesk(t, sourceSecret, assigned, now), 1, 0, 0)
	got := w.ticket(t, "zendesk:5158")
	require.Equal(t, []string{"zendesk:8447388090495"}, got.Assignees)
	require.Equal(t, ticket.Open, got.Status)
	require.Equal(t, "incident", got.Category)
	head := w.settled(t)

	w.outcome(t, w.zendesk(t, sourceSecret, assigned, now), 1, 0, 0) // answers as the first time
	require.Equal(t, head, w.settled(t), "a delivery that comes twice is recognised")

	late := captured(t, "zendesk_agent_assignment_changed.json", "T10:15:30", "T10:14:00", "8447388090495", "8447388090494")
	w.outcome(t, w.zendesk(t, sourceSecret, late, now), 0, 1, 0)
	require.Equal(t, []string{"zendesk:8447388090495"}, w.ticket(t, "zendesk:5158").Assignees, "an older fact changes nothing")
	require.NotEqual(t, head, w.settled(t), "and is on record as ignored")

	w.outcome(t, w.zendesk(t, sourceSecret, captured(t, "zendesk_ticket_soft_deleted.json"), now), 1, 0, 0)
	require.Equal(t, 404, w.get(t, owner, w.api+"/tickets/zendesk:5158").StatusCode)
	w.outcome(t, w.zendesk(t, sourceSecret, captured(t, "zendesk_agent_assignment_changed.json", "T10:15:30", "T10:16:00"), now), 0, 1, 0)
	require.Equal(t, 404, w.get(t, owner, w.api+"/tickets/zendesk:5158").StatusCode, "what happened before its end does not bring it back")
}

func TestDeliveriesThatNobodyVouchesFor(t *testing.T) {
	w := newWorld(t)
	body, now := captured(t, "zendesk_agent_assignment_changed.json"), time.Now()
	unconfigured := w.zendesk(t, sourceSecret, body, now)
	require.Equal(t, 404, unconfigured.StatusCode)
	w.configure(t, "zendesk", `{"secret":"`+sourceSecret+`"}`)
	head := w.settled(t)
	elsewhere := *w
	elsewhere.api = workspacesPath + "/" + uuid.NewString()
	for name, got := range map[string]answered{
		"forged": w.zendesk(t, "another-secret-0000", body, now), "replayed": w.zendesk(t, sourceSecret, body, now.Add(-6*time.Minute)),
		"unsigned": w.as(t, "", "POST", w.api+"/sources/zendesk", body), "no workspace": elsewhere.zendesk(t, sourceSecret, body, now),
		"no source":        w.as(t, "", "POST", w.api+"/sources/jira", body),
		"an owner's token": w.as(t, owner, "POST", w.api+"/sources/zendesk", body),
		"another source":   w.zammad(t, sourceSecret, body),
		"no UUID":          w.as(t, "", "POST", workspacesPath+"/nowhere/sources/zendesk", body),
	} {
		require.Equal(t, unconfigured.StatusCode, got.StatusCode, name)
		require.Equal(t, string(unconfigured.body), string(got.body), "%s: one answer for all", name)
	}
	for name, got := range map[string]answered{
		"malformed": w.zendesk(t, sourceSecret, `{"type":`, now), "another format": w.zendesk(t, sourceSecret, `{"ticket":{"id":1}}`, now),
	} {
		require.Equal(t, 400, got.StatusCode, name)
		require.Equal(t, "malformed_delivery", got.code(t))
	}
	require.Equal(t, 413, w.zendesk(t, sourceSecret, strings.Repeat(" ", deliveryBytes+1), now).StatusCode)
	require.Equal(t, head, w.settled(t), "nothing was recorded")
	require.Equal(t, 200, w.as(t, owner, "DELETE", w.api+"/sources/zendesk", "").StatusCode)
	require.Equal(t, 404, w.zendesk(t, sourceSecret, body, now).StatusCode, "who is shut out is shut out at once")
	require.NotContains(t, w.logged.String(), sourceSecret)
}

func TestAHelpdeskLetsNobodyInAgain(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "zammad", `{"secret":"`+sourceSecret+`"}`)
	w.outcome(t, w.zammad(t, sourceSecret, captured(t, "zammad_ticket.json")), 4, 0, 0)
	emma := w.api + "/members/zammad:5"
	member := func() (m directory.Member) {
		w.get(t, owner, emma).into(t, &m)
		return m
	}
	require.Equal(t, "Emma Taylor", member().Name)
	require.Empty(t, member().Permissions)
	require.False(t, member().Owner)

	require.Equal(t, 200, w.as(t, owner, "PATCH", emma, `{"active":false}`).StatusCode)
	renamed := captured(t, "zammad_ticket.json", `"Emma"`, `"Emilia"`, "T12:57:48", "T13:57:48", "T14:34:35.333", "T14:34:36.333")
	require.Equal(t, 200, w.zammad(t, sourceSecret, renamed).StatusCode)
	require.Equal(t, "Emilia Taylor", member().Name)
	require.False(t, member().Active, "somebody of the workspace shut her out")

	require.Equal(t, 200, w.as(t, owner, "DELETE", emma, "").StatusCode)
	again := captured(t, "zammad_ticket.json", "T12:57:48", "T15:57:48", "T14:34:35.333", "T14:34:37.333")
	require.Equal(t, 200, w.zammad(t, sourceSecret, again).StatusCode)
	require.Equal(t, 404, w.get(t, owner, emma).StatusCode, "nor does it bring back who was removed")
	require.Equal(t, []string{"zammad:5"}, w.ticket(t, "zammad:81").Assignees)
}

func TestTextsThatRulesRefuseDoNotKeepATicketWithItsAssignee(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "zammad", `{"secret":"`+sourceSecret+`"}`)
	w.outcome(t, w.zammad(t, sourceSecret, captured(t, "zammad_ticket.json")), 4, 0, 0)
	tricked := captured(t, "zammad_ticket.json", "Webhook-Test", `a\u0000b\u202e`+strings.Repeat("x", 2000), `"owner_id": 5`, `"owner_id": 1`,
		"T14:34:35.333", "T14:34:36.333", "emily@example.com", "no address", `"Emily"`, `"\u3164"`, `"Adams"`, `""`)
	require.Equal(t, 200, w.zammad(t, sourceSecret, tricked).StatusCode)
	got := w.ticket(t, "zammad:81")
	require.Empty(t, got.Assignees)
	require.True(t, strings.HasPrefix(got.Subject, "abxxx"))
	require.Len(t, got.Subject, ticket.MaxSubject)
}

func TestAnUnsignedSourceIsAskedInstead(t *testing.T) {
	w := newWorld(t)
	up := true
	desk := httptest.NewServer(nethttp.HandlerFunc(func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		file := map[string]string{"/api/v2/tickets/1042": "freshdesk_show_ticket.json", "/api/v2/agents/48022222222": "freshdesk_show_agent.json"}[r.URL.Path]
		if !up || file == "" {
			rw.WriteHeader(nethttp.StatusBadGateway)
			return
		}
		_, _ = rw.Write([]byte(captured(t, file)))
	}))
	defer desk.Close()
	got := w.as(t, owner, "PUT", w.api+"/sources/freshdesk", `{"secret":"`+sourceSecret+`"}`)
	require.Equal(t, 422, got.StatusCode)
	require.Equal(t, "api_token_required", got.code(t))
	w.configure(t, "freshdesk", fmt.Sprintf(`{"secret":%q,"api_token":"t0ken-of-the-api","base_url":%q}`, sourceSecret, desk.URL))
	hint := func() answered {
		return w.as(t, "", "POST", w.api+"/sources/freshdesk", captured(t, "freshdesk_simple.json"), helpdesk.FreshdeskHeader, sourceSecret)
	}
	up = false
	require.Equal(t, "source_unavailable", hint().code(t))
	up = true
	w.outcome(t, hint(), 3, 0, 0)
	require.Equal(t, []string{"freshdesk:48022222222"}, w.ticket(t, "freshdesk:1042").Assignees)
	w.outcome(t, hint(), 0, 0, 0)
	require.NotContains(t, w.logged.String(), "t0ken-of-the-api")
	require.NotContains(t, w.logged.String(), desk.URL)
}

func TestWhatASourceIsCheckedWithStaysInTheVault(t *testing.T) {
	w := newWorld(t)
	for body, code := range map[string]string{
		`{"secret":"short"}`:                                                         "invalid_secret",
		`{"secret":"0123456789 abcdef"}`:                                             "invalid_secret",
		`{"secret":"0123456789abcdef","base_url":"https://x.example"}`:               "api_token_required",
		`{"secret":"0123456789abcdef","api_token":"t","base_url":"ftp://x.example"}`: "invalid_base_url",
		`{"secret":"0123456789abcdef","api_token":"t"}`:                              "invalid_base_url",
	} {
		got := w.as(t, owner, "PUT", w.api+"/sources/zendesk", body)
		require.Equal(t, 422, got.StatusCode, body)
		require.Equal(t, code, got.code(t), body)
	}
	require.Equal(t, 404, w.as(t, owner, "PUT", w.api+"/sources/jira", `{"secret":"0123456789abcdef"}`).StatusCode)

	w.configure(t, "zendesk", `{"secret":"`+sourceSecret+`"}`)
	var list SourceList
	got := w.get(t, owner, w.api+"/sources")
	got.into(t, &list)
	require.NotContains(t, string(got.body), sourceSecret)
	require.Equal(t, []SourceStatus{{Source: workspace.Freshdesk}, {Source: workspace.Zammad}, {Source: workspace.Zendesk, Configured: true}}, list.Items)

	events := 0
	for record, err := range w.Log.ReadStream(t.Context(), domain.Stream(domain.WorkspaceKind, w.Workspace), 0) {
		require.NoError(t, err)
		require.False(t, bytes.Contains(record.Data, []byte(sourceSecret)))
		decoded, err := w.Codec.Decode(t.Context(), []eventstore.Record{record})
		require.NoError(t, err)
		configured, ok := decoded[0].Event.(workspace.SourceConfigured)
		if !ok {
			continue
		}
		events++
		found, err := w.Vault.Fetch(t.Context(), []uuid.UUID{configured.Content.ID})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.False(t, bytes.Contains(found[configured.Content.ID].Bytes, []byte(sourceSecret)))

		w.configure(t, "zendesk", `{"secret":"another-0123456789"}`)
		require.Equal(t, 404, w.zendesk(t, sourceSecret, "{}", time.Now()).StatusCode, "the secret before it is worth nothing")
		recorded := domain.Recorded{Meta: domain.Meta{Workspace: w.Workspace}, Event: workspace.SourceRemoved{ID: configured.ID}}
		require.NoError(t, w.World.Sources.Forget(t.Context(), recorded))
		require.NoError(t, w.World.Sources.Forget(t.Context(), recorded))
		_, err = w.Vault.Put(t.Context(), w.Workspace, domain.Stream(domain.SourceKind, configured.ID), []vault.Item{{ContentID: uuid.New(), Plain: vault.Secret("x")}})
		require.ErrorIs(t, err, vault.ErrErased, "its key is gone")
	}
	require.Equal(t, 1, events)
}

func TestASourceMayOnlyTellOfTheDirectory(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "zendesk", `{"secret":"`+sourceSecret+`"}`)
	for name, want := range map[string]map[domain.Permission]bool{
		"zendesk": {domain.DirectoryManage: true}, "zammad": {}, "": {},
	} {
		req := commands.Request{Workspace: w.Workspace, Actor: domain.Actor{Kind: domain.Source, ID: name}}
		for _, p := range domain.Permissions() {
			err := w.Run.Authorise(req, p)
			require.Equal(t, want[p], err == nil, "%s %s", name, p)
		}
		require.Error(t, w.Run.AuthoriseOwner(req))
	}
}
