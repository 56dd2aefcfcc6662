package http

import (
	"bufio"
	"context"
	"fmt"
	"net"
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/commandstest"
)

const canary = "canary_9f3" // could be the name of a field

func TestBadInputIsRefusedWithoutAnEcho(t *testing.T) {
	w := newWorld(t)
	secret := "/secrets/" + w.Secret.String()
	reveal := secret + "/fields/api_key/reveal"
	long := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code               string
	}{
		"no json":                {"PATCH", "/settings", canary, nil, 400, "malformed_json"},
		"cut json":               {"PATCH", "/settings", `{"reason":"` + canary, nil, 400, "malformed_json"},
		"trailing json":          {"PATCH", "/settings", `{} {"a":"` + canary + `"}`, nil, 400, "malformed_json"},
		"no utf-8":               {"PATCH", "/settings", "{\"reason\":\"\xff\"}", nil, 400, "malformed_json"},
		"half a character":       {"PATCH", "/settings", `{"reason":"\ud800` + canary + `"}`, nil, 400, "malformed_json"},
		"duplicate key":          {"PATCH", "/settings", `{"reason":"off","reason":"optional"}`, nil, 400, "duplicate_key"},
		"escaped duplicate":      {"PATCH", "/settings", `{"reason":"off","re\u0061son":"optional"}`, nil, 400, "duplicate_key"},
		"depth":                  {"PATCH", "/settings", long, nil, 400, "too_deep"},
		"wrong type":             {"PATCH", "/settings", `{"enabled":"` + canary + `"}`, nil, 400, "wrong_type"},
		"an array":               {"PATCH", "/settings", `["` + canary + `"]`, nil, 400, "wrong_type"},
		"null":                   {"PATCH", "/settings", `null`, nil, 400, "wrong_type"},
		"a part that is null":    {"PATCH", "/settings", `{"enabled":null}`, nil, 400, "wrong_type"},
		"a list that is null":    {"PATCH", "/tickets/" + commandstest.Ticket, `{"assignees":null}`, nil, 400, "wrong_type"},
		"null within a part":     {"PATCH", "/settings", `{"reveal_verification":{"required":true,"unlock_minutes":null}}`, nil, 400, "wrong_type"},
		"no choice":              {"PATCH", "/settings", `{"reason":"` + canary + `"}`, nil, 422, "invalid"},
		"out of range":           {"PATCH", "/settings", `{"remask_seconds":1}`, nil, 422, "invalid"},
		"unknown field":          {"PATCH", "/settings", `{"remask":1}`, nil, 422, "unknown_field"},
		"a value as a name":      {"PATCH", "/settings", `{"` + canary + `":1}`, nil, 422, "unknown_field"},
		"a value as a field":     {"POST", "/secrets", `{"template_id":"` + w.Template.String() + `","name":"n","fields":{"` + canary + `":1}}`, nil, 400, "wrong_type"},
		"an unknown field":       {"POST", "/secrets", `{"template_id":"` + w.Template.String() + `","name":"n","fields":{"` + canary + `":"v"}}`, nil, 422, "unknown_field"},
		"a value in a list":      {"POST", "/templates", `{"name":"n","fields":[{"` + canary + `":{}}]}`, nil, 422, "field_required"},
		"other case":             {"PATCH", "/settings", `{"Reason":"off"}`, nil, 422, "unknown_field"},
		"no body":                {"PATCH", "/settings", ``, nil, 400, "malformed"},
		"no name":                {"PUT", "/members/zd:1", `{"email":"a@b.c"}`, nil, 422, "field_required"},
		"not json by type":       {"PATCH", "/settings", `{}`, []string{"Content-Type", "text/plain"}, 415, "unsupported_media_type"},
		"compressed":             {"PATCH", "/settings", `{}`, []string{"Content-Encoding", "gzip"}, 415, "unsupported_media_type"},
		"uuid that is none":      {"GET", "/secrets/" + canary, ``, nil, 400, "invalid_parameter"},
		"urn uuid":               {"GET", "/secrets/urn:uuid:" + w.Secret.String(), ``, nil, 400, ""},
		"foreign id that isn't":  {"GET", "/members/" + canary, ``, nil, 400, "malformed_id"},
		"foreign id with nul":    {"GET", "/members/zd:%00", ``, nil, 400, "malformed_id"},
		"query with nul":         {"GET", "/secrets?q=%00" + canary, ``, nil, 400, "invalid_parameter"},
		"limit":                  {"GET", "/secrets?limit=201", ``, nil, 400, "invalid_parameter"},
		"limit in words":         {"GET", "/secrets?limit=" + canary, ``, nil, 400, "invalid_parameter"},
		"unknown parameter":      {"GET", "/secrets?" + canary + "=1", ``, nil, 400, "invalid_parameter"},
		"cursor":                 {"GET", "/secrets?cursor=" + canary, ``, nil, 400, "invalid_cursor"},
		"state":                  {"GET", "/secrets?state=" + canary, ``, nil, 400, "invalid_parameter"},
		"time":                   {"GET", "/audit/reveals?from=" + canary, ``, nil, 400, "invalid_parameter"},
		"position":               {"GET", "/secrets", ``, []string{headerMinPosition, canary}, 400, "malformed_position"},
		"position of another":    {"GET", "/secrets", ``, []string{headerMinPosition, newPositions("other").token(1)}, 400, "foreign_position"},
		"position to come":       {"GET", "/audit/reveals", ``, []string{headerMinPosition, w.positions.token(1 << 60)}, 503, "read_model_behind"},
		"if-match that is empty": {"PATCH", "/settings", `{}`, []string{"If-Match", ""}, 400, "malformed_if_match"},
		"no idempotency key":     {"PATCH", "/settings", `{}`, []string{"Idempotency-Key", ""}, 400, "malformed_idempotency_key"},
		"no position":            {"GET", "/secrets", ``, []string{"X-Min-Position", ""}, 400, "malformed_position"},
		"a parameter twice":      {"GET", "/audit/reveals?member=test:a&member=test:b", ``, nil, 400, "invalid_parameter"},
		"if-match":               {"PATCH", "/settings", `{}`, []string{"If-Match", `W/"1"`}, 400, "malformed_if_match"},
		"idempotency key":        {"PATCH", "/settings", `{}`, []string{headerIdempotency, "a b"}, 400, "malformed_idempotency_key"},
		"value of a choice":      {"PUT", secret + "/fields/nothing", `{"value":"` + canary + `"}`, nil, 404, "unknown_field"},
		"value of a wrong type":  {"PUT", secret + "/fields/api_key", `{"value":["` + canary + `"]}`, nil, 400, "wrong_type"},
		"field names":            {"POST", "/secrets", `{"template_id":"` + w.Template.String() + `","name":"n","fields":{"` + canary + `":"v","api_key":1}}`, nil, 400, "wrong_type"},
		"template id":            {"POST", "/secrets", `{"template_id":"` + canary + `","name":"n"}`, nil, 422, "invalid"},
		"expiry":                 {"PATCH", secret, `{"expires_at":"` + canary + `"}`, nil, 422, "invalid"},
		"no route":               {"GET", "/" + canary, ``, nil, 404, "not_found"},
		"no method":              {"PUT", "/settings", `{}`, nil, 405, "method_not_allowed"},
		"reveal type":            {"POST", reveal, `{"reason":7}`, nil, 400, "wrong_type"},
		"reveal field":           {"POST", reveal, `{"` + canary + `":7}`, nil, 422, "unknown_field"},
		"reveal list":            {"POST", reveal, `["` + canary + `"]`, nil, 400, "wrong_type"},
		"reveal ticket":          {"POST", reveal, `{"ticket_id":"` + canary + `"}`, nil, 422, "invalid_id"},
		"reveal reason":          {"POST", reveal, `{"reason":"` + strings.Repeat("x", 1001) + `"}`, nil, 422, "reason_too_long"},
		"reveal version":         {"POST", reveal, `{"value_version":-1}`, nil, 422, "invalid"},
		"reveal id":              {"POST", "/secrets/" + canary + "/fields/api_key/reveal", ``, nil, 400, "malformed_id"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.as(t, owner, c.method, w.api+c.path, c.body, c.headers...)
			require.Equal(t, c.status, got.StatusCode, string(got.body))
			require.NotContains(t, string(got.body), canary)
			if code := got.code(t); c.code != "" {
				require.Equal(t, c.code, code, string(got.body))
			}
			require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
			require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
			require.Len(t, got.Header.Get(headerRequestID), 36)
		})
	}
	require.NotContains(t, w.logged.String(), canary)
}

// The detail alone is often all that somebody reads: it names the place and says what would be right.
func TestRefusalsSayWhatWouldBeRight(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct{ method, path, body, ifMatch, detail string }{
		"missing":           {"POST", "/templates", `{"fields":[]}`, "", "body.name: is required"},
		"missing in a list": {"POST", "/templates", `{"name":"n","fields":[{"label":"L","type":"text"}]}`, "", "body.fields[0].key: is required"},
		"a rule's":          {"POST", "/secrets", `{"template_id":"` + w.Template.String() + `","name":"n"}`, "", "body.fields.api_key: is required"},
		"too many":          {"GET", "/secrets?limit=201", ``, "", "query.limit: expected number <= 200"},
		"no state":          {"GET", "/secrets?state=lost", ``, "", `query.state: expected value to be one of "active, inactive, expired, expiring, destroyed"`},
		"no parameter":      {"GET", "/secrets?page=2", ``, "", "query: there is no such parameter"},
		"no lines":          {"POST", "/directory/batch", `{}`, "", "the body must be application/x-ndjson, not compressed"},
		"no upload":         {"POST", "/secrets", `{"template_id":"` + w.Template.String() + `","name":"n","files":{"f":"7"}}`, "", "body.files: is no UUID"},
		"no revision":       {"PATCH", "/settings", `{}`, "7", "header.if_match: is a revision in quotes as ETag gave it, or *"},
	} {
		t.Run(name, func(t *testing.T) {
			var p Problem
			var headers []string
			if c.ifMatch != "" {
				headers = []string{"If-Match", c.ifMatch}
			}
			w.as(t, owner, c.method, w.api+c.path, c.body, headers...).into(t, &p)
			require.Equal(t, c.detail, p.Detail)
		})
	}
}

func TestLocationsNameWhatIsKnown(t *testing.T) {
	w := newWorld(t)
	for body, want := range map[string][]string{
		`{"name":1}`:                        {"body.name"},
		`{"name":"n","fields":[{"key":7}]}`: {"body.fields[0].key", "body.fields[0].label"},
		`{"name":"n","fields":[{"key":"a","choices":[{}]}]}`: {"body.fields[0].choices[0]"},
		`{"name":"n","` + canary + `":1}`:                    {"body"},
	} {
		got := w.as(t, owner, "POST", w.api+"/templates", body)
		var p Problem
		got.into(t, &p)
		for _, location := range want {
			require.NotEmpty(t, p.messageAt(location), string(got.body))
		}
	}
}

func (p *Problem) messageAt(location string) string {
	for _, e := range p.Errors {
		if e.Location == location {
			return e.Message
		}
	}
	return ""
}

func TestWhoIsNobodyLearnsNothing(t *testing.T) {
	w := newWorld(t)
	none := w.as(t, "", "GET", "/v1/me", "")
	require.Equal(t, 401, none.StatusCode)
	require.Contains(t, none.Header.Get("WWW-Authenticate"), "Bearer")
	require.Equal(t, "not_authenticated", none.code(t))
	require.Equal(t, 401, w.as(t, "", "GET", w.api+"/secrets", "", "Authorization", "Bearer csk_nothing").StatusCode)
	require.Equal(t, 404, w.as(t, "stranger", "GET", w.api+"/secrets", "").StatusCode)
	require.Equal(t, 404, w.as(t, "stranger", "POST", w.api+"/secrets/"+w.Secret.String()+"/fields/api_key/reveal", "").StatusCode)
}

func TestALargeBodyIsRefused(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- w.Serve(ctx, listener) }()
	for _, chunked := range []bool{false, true} {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		body := strings.Repeat("x", 2<<20)
		head := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
		if chunked {
			head, body = "Transfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		}
		go func() {
			_, _ = fmt.Fprintf(conn, "PATCH %s/settings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s%s",
				w.api, w.issuer.token(t, owner), head, body)
		}()
		resp, err := nethttp.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, 413, resp.StatusCode)
		require.Equal(t, problemType, resp.Header.Get("Content-Type"))
		require.NoError(t, conn.Close())
	}
	stop()
	require.NoError(t, <-served)
}

func TestOperatorsPages(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 200, w.as(t, "", "GET", "/healthz", "").StatusCode)
	ready := w.as(t, "", "GET", "/readyz", "")
	require.Equal(t, 200, ready.StatusCode, string(ready.body))
	w.Checks = []Check{{"database", func(context.Context) error { return context.DeadlineExceeded }}}
	ready = w.as(t, "", "GET", "/readyz", "")
	require.Equal(t, 503, ready.StatusCode)
	require.JSONEq(t, `{"ready":false,"missing":["database"]}`, string(ready.body))
	w.Checks, w.Notices = nil, func() []string { return []string{"event_log_altered"} }
	ready = w.as(t, "", "GET", "/readyz", "")
	require.Equal(t, 200, ready.StatusCode, "a notice is for operators: requests are served")
	require.JSONEq(t, `{"ready":true,"missing":[],"notices":["event_log_altered"]}`, string(ready.body))
	w.get(t, agent, w.api+"/tickets/"+commandstest.Ticket+"/panel")
	metrics := w.as(t, "", "GET", "/metrics", "")
	require.Contains(t, string(metrics.body), `route="/v1/workspaces/:workspace/tickets/:ticket/panel",status="200"`)
	require.NotContains(t, string(metrics.body), w.Workspace.String())
	page := w.as(t, "", "GET", "/docs", "")
	require.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, string(page.body), "/docs/scalar.js")
	require.Equal(t, 200, w.as(t, "", "GET", "/docs/scalar.js", "").StatusCode)
	require.Equal(t, 200, w.as(t, "", "GET", "/openapi.json", "").StatusCode)
}

func TestAPanicIsABland500(t *testing.T) {
	w := newWorld(t)
	w.Panels = nil // a programming mistake
	got := w.as(t, agent, "GET", w.api+"/tickets/"+commandstest.Ticket+"/panel", "")
	require.Equal(t, 500, got.StatusCode)
	require.Equal(t, "internal", got.code(t))
	require.NotContains(t, string(got.body), "nil")
	require.Contains(t, w.logged.String(), got.Header.Get(headerRequestID))
}
