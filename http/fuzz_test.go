package http

import (
	"encoding/json"
	"flag"
	"fmt"
	nethttp "net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/responses"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kdesk/client-secrets/commands/commandstest"
)

const (
	fuzzRequests  = 2_400 // unless FUZZ_REQUESTS says how many
	fuzzTogether  = 40    // requests to one workspace, which is then left as it is
	fuzzSeed      = "1"   // without FUZZ_REQUESTS: what fails then fails again
	fuzzShrinking = "10s"
)

// Whatever is sent to the API, it answers in time, as its description says, and not with 500. All routes of the
// description are asked for: a new one needs no change here.
func TestNoRequestBreaksTheAPI(t *testing.T) {
	f := newFuzzer(t)
	requests, seed := fuzzRequests, fuzzSeed
	if given := os.Getenv("FUZZ_REQUESTS"); given != "" {
		var err error
		requests, err = strconv.Atoi(given)
		require.NoError(t, err)
		seed = "0" // another one each time
	}
	setFlag(t, "rapid.checks", strconv.Itoa(max(1, requests/fuzzTogether)))
	setFlag(t, "rapid.shrinktime", fuzzShrinking)
	setFlag(t, "rapid.nofailfile", "true")
	if flag.Lookup("rapid.seed").Value.String() == "0" {
		setFlag(t, "rapid.seed", seed)
	}
	rapid.Check(t, f.workspace)
	f.report(t)
	require.NotContains(t, f.logged.String(), canary)
}

func setFlag(t *testing.T, name, value string) {
	before := flag.Lookup(name).Value.String()
	require.NoError(t, flag.Set(name, value))
	t.Cleanup(func() { require.NoError(t, flag.Set(name, before)) })
}

// fuzzer sends drawn requests and checks the answers against the API's description.
type fuzzer struct {
	*world
	t          *testing.T
	wire       *wire
	operations []fuzzed
	schemas    map[string]schema
	responses  responses.ResponseBodyValidator
	elsewhere  string
	tokens     map[string]string
	statuses   map[string]map[int]int // by operation: how often which status
}

// fuzzed is an operation with its path.
type fuzzed struct {
	operationDoc
	method, path string
	item         *v3.PathItem
}

func newFuzzer(t *testing.T) *fuzzer {
	f := &fuzzer{world: newWorld(t), t: t, tokens: map[string]string{}, statuses: map[string]map[int]int{}}
	f.wire, f.elsewhere = f.world.wire(t), f.Workspace.String()
	document, err := libopenapi.NewDocument(f.described)
	require.NoError(t, err)
	model, err := document.BuildV3Model()
	require.NoError(t, err)
	v, errs := validator.NewValidator(document)
	require.Empty(t, errs)
	f.responses = v.GetResponseBodyValidator()
	doc := f.document(t)
	f.schemas = doc.Components.Schemas
	for _, path := range sortedKeys(doc.Paths) {
		for _, method := range sortedKeys(doc.Paths[path]) {
			f.operations = append(f.operations, fuzzed{doc.Paths[path][method], strings.ToUpper(method), path, model.Model.Paths.PathItems.GetOrZero(path)})
		}
	}
	return f
}

// workspace sends requests to a workspace of their own.
func (f *fuzzer) workspace(rt *rapid.T) {
	f.settle(f.t, f.World.Scene(f.t))
	d := &drawer{T: rt, schemas: f.schemas, seen: &seen{elsewhere: f.elsewhere, ids: map[string][]string{
		"secrets": {f.Secret.String()}, "templates": {f.Template.String()}, "tickets": {commandstest.Ticket}, "members": {agent, other, owner},
		"keys": {"api_key", "api_key", "note"}, "names": {"Tenant", "N", canary}, "contacts": {"test:contact"}, "groups": {"test:group"},
		"permissions": {"secrets.view", "secrets.reveal", "secrets.modify", "secrets.link", "templates.manage", "audit.read"}, "email": {"a@example.com"},
		"url": {"https://desk.example/1"}, "code": {"123456"}, "issuer": {f.issuer.URL}, "subject": {"s1", "s2"}, "choices": {"One", "Two"},
	}}}
	key := f.as(f.t, owner, "POST", f.api+"/api-keys", `{"name":"N","permissions":["secrets.view","secrets.reveal","secrets.modify"]}`)
	require.Equal(f.t, 201, key.StatusCode, string(key.body))
	var issued struct{ ID, Key string }
	key.into(f.t, &issued)
	d.seen.note("api-keys", issued.ID)
	for range fuzzTogether {
		f.one(d, issued.Key)
	}
}

// one sends one request and checks its answer.
func (f *fuzzer) one(d *drawer, key string) {
	op := f.operations[rapid.IntRange(0, len(f.operations)-1).Draw(d.T, "operation")]
	d.careful = rapid.Bool().Draw(d.T, "careful")
	r, meant := f.draw(d, op, key)
	got, err := f.wire.exchange(r.method, r.bytes())
	if err != nil && len(r.body) > drained {
		return // hung up on while it sent: its own system may have thrown the answer away
	}
	if err != nil {
		d.Fatalf("%s %s: %v", r.method, r.target, err)
	}
	f.check(d, op, r, got, meant)
	if meant {
		if f.statuses[op.ID] == nil {
			f.statuses[op.ID] = map[int]int{}
		}
		f.statuses[op.ID][got.StatusCode]++
		d.seen.learn(op, r, got)
	}
}

// learn notes what an answer gives to ask for later.
func (s *seen) learn(op fuzzed, r wireRequest, got answered) {
	s.note("positions", got.Header.Get(headerPosition))
	s.note("etags", got.Header.Get("ETag"))
	if got.StatusCode >= 300 {
		return
	}
	var made struct {
		ID         string
		NextCursor string `json:"next_cursor"`
		Items      []struct{ ID string }
	}
	_ = json.Unmarshal(got.body, &made)
	s.note("cursors", made.NextCursor)
	parts := strings.Split(op.path, "/")
	kind := parts[len(parts)-1]
	if kind == "{id}" {
		kind = parts[len(parts)-2]
	}
	if strings.HasPrefix(kind, "{") || op.method == nethttp.MethodDelete {
		return
	}
	s.note(kind, made.ID)
	for _, item := range made.Items {
		s.note(kind, item.ID)
	}
}

// draw draws a request for an operation. meant tells whether it is still one for it.
func (f *fuzzer) draw(d *drawer, op fuzzed, key string) (r wireRequest, meant bool) {
	r.method = op.method
	r.target, meant = d.path(op.path, f.Workspace.String())
	if d.wrong(40, "another method") {
		r.method = pick(d, "method", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
		meant = meant && r.method == op.method
	}
	query := url.Values{}
	for _, p := range op.Parameters {
		if p.In == "query" && d.once(4, p.Name) {
			query.Set(p.Name, d.valueOf(p.Schema, p.Name))
		}
	}
	if d.wrong(30, "unknown parameter") {
		query.Set(d.text(), d.text())
	}
	if len(query) > 0 {
		r.target += "?" + query.Encode()
	}
	f.drawHeaders(d, &r, key)
	f.drawBody(d, &r, op)
	return r, meant
}

func (f *fuzzer) drawHeaders(d *drawer, r *wireRequest, key string) {
	who := pick(d, "who", owner, owner, owner, owner, owner, owner, agent, agent, other, "stranger", "key", "nobody", "nonsense")
	switch who {
	case "key":
		r.headers = append(r.headers, "Authorization", "Bearer "+key)
	case "nobody":
	case "nonsense":
		r.headers = append(r.headers, "Authorization", pick(d, "token", "Bearer", "Bearer "+canary, "Basic "+canary, "Bearer csk_"+canary, canary, "Bearer a.b.c"))
	default:
		r.headers = append(r.headers, "Authorization", "Bearer "+f.token(who))
	}
	conditional := map[string][]string{
		headerIdempotency: {"a", "b", "c", canary, "a b", strings.Repeat("k", 201), "\xff"},
		"If-Match":        append([]string{"*", `"0"`, `"1"`, `"2"`, `W/"1"`, canary, `"` + canary + `"`, `"-1"`, `"18446744073709551616"`}, d.seen.ids["etags"]...),
		headerMinPosition: append([]string{canary, "AAAA", newPositions("other").token(1)}, d.seen.ids["positions"]...),
	}
	for _, name := range sortedKeys(conditional) {
		if d.wrong(8, name) {
			r.headers = append(r.headers, name, pick(d, name, conditional[name]...))
		}
	}
	if d.wrong(25, "odd header") {
		odd := pick(d, "header", "Accept: "+canary, "Accept: application/xml", "X-HTTP-Method-Override: DELETE", "X-Request-Id: "+canary, "Origin: https://evil.example",
			"Range: bytes=0-1", "Expect: 200-ok", "Upgrade: h2c", "If-None-Match: *", "Cookie: a="+canary, "X-Forwarded-For: "+canary, "TE: trailers", "Accept-Encoding: gzip")
		name, value, _ := strings.Cut(odd, ": ")
		r.headers = append(r.headers, name, value)
	}
}

func (f *fuzzer) token(who string) string {
	if f.tokens[who] == "" {
		f.tokens[who] = f.issuer.tokenUntil(f.t, who, time.Now().Add(24*time.Hour))
	}
	return f.tokens[who]
}

func (f *fuzzer) drawBody(d *drawer, r *wireRequest, op fuzzed) {
	kind := "application/json"
	if kinds := sortedKeys(op.Body.Content); len(kinds) > 0 {
		kind = pick(d, "content type", kinds...)
		r.body = []byte(d.content(kind, op.Body.Content[kind].Schema))
	} else if d.wrong(10, "a body all the same") {
		r.body = []byte(pick(d, "token", tokens...))
	}
	switch {
	case d.wrong(30, "cut"):
		r.body = r.body[:len(r.body)/2]
	case d.wrong(30, "something after it"):
		r.body = append(r.body, pick(d, "token", tokens...)...)
	case d.wrong(300, "too large"):
		r.body = []byte(`"` + strings.Repeat(canary, 200_000) + `"`)
	}
	if len(r.body) == 0 {
		return
	}
	r.chunked = d.once(20, "chunked")
	if d.wrong(40, "another type") {
		kind = pick(d, "type", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-16", canary, "")
	}
	r.headers = append(r.headers, "Content-Type", kind)
	if d.wrong(60, "compressed") {
		r.headers = append(r.headers, "Content-Encoding", pick(d, "encoding", "gzip", "deflate", "br", "identity", canary))
	}
}

// content draws a body of a media type.
func (d *drawer) content(kind string, s schema) string {
	switch {
	case strings.Contains(kind, "ndjson"):
		var lines []string
		for range rapid.IntRange(0, 5).Draw(d.T, "lines") {
			lines = append(lines, d.json(s, "line"))
		}
		return strings.Join(lines, "\n")
	case strings.Contains(kind, "json"):
		return d.json(s, "body")
	}
	return d.text()
}

var stableCode = regexp.MustCompile(`^[a-z][a-z0-9_]+$`)

// check holds an answer against the description.
func (f *fuzzer) check(d *drawer, op fuzzed, r wireRequest, got answered, meant bool) {
	wrong := func(format string, args ...any) {
		d.Fatalf("%s: %s\n%s %s\n%q\n%s\nanswered %d %s", op.ID, fmt.Sprintf(format, args...), r.method, r.target, r.shown(), cutText(r.body), got.StatusCode, cutText(got.body))
	}
	if got.Header.Get("Content-Type") == "application/json" && !json.Valid(got.body) && r.method != nethttp.MethodHead {
		wrong("is no JSON")
	}
	if got.StatusCode >= 400 && r.method != nethttp.MethodHead {
		var p Problem
		if err := json.Unmarshal(got.body, &p); err != nil || p.Status != got.StatusCode || !stableCode.MatchString(p.Code) || got.Header.Get("Content-Type") != problemType {
			wrong("is no problem")
		}
		if p.Status == 500 || p.Status == 503 && p.Code != "read_model_behind" {
			wrong("failed: %s", f.logged.String())
		}
	}
	if got.StatusCode >= 400 && strings.Contains(string(got.body), canary) {
		wrong("repeats what was sent")
	}
	if strings.Contains(string(got.body), commandstest.Value) && op.ID != "reveal-field" {
		wrong("has a sensitive value")
	}
	if !meant {
		return
	}
	request := &nethttp.Request{Method: r.method, URL: &url.URL{Path: op.path}}
	for _, part := range got.parts() {
		if ok, errs := f.responses.ValidateResponseBodyWithPathItem(request, part, op.item, op.path); !ok {
			wrong("is not as described: %v", describeErrors(errs))
		}
	}
}

// report logs which operations were asked for and never carried out.
func (f *fuzzer) report(t *testing.T) {
	var never []string
	total := map[int]int{}
	for _, op := range f.operations {
		done := false
		for status, n := range f.statuses[op.ID] {
			total[status] += n
			done = done || status < 300
		}
		if !done {
			never = append(never, op.ID)
		}
	}
	t.Logf("answers by status: %v", total)
	t.Logf("never carried out: %v", never)
	require.Less(t, len(never), len(f.operations)/2, "most of what was asked for was refused")
}
