package http

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// drawer draws requests from the API's description: mostly what it asks for, now and then anything but.
type drawer struct {
	*rapid.T
	schemas map[string]schema
	seen    *seen
	careful bool // nothing is to be wrong with this request
}

// once in n times.
func (d *drawer) once(n int, what string) bool { return rapid.IntRange(1, n).Draw(d.T, what) == n }

// wrong tells, once in n times, to do something that is not asked for.
func (d *drawer) wrong(n int, what string) bool { return !d.careful && d.once(n, what) }

func pick[T any](d *drawer, what string, from ...T) T { return rapid.SampledFrom(from).Draw(d.T, what) }

// hostile are texts that have broken programs.
var hostile = []string{"", " ", canary, "\x00", canary + "\x00", "\u202e" + canary, "a\u0301", "..", "../../etc/passwd", "%2e%2e%2f", "%00", "%", "'; DROP TABLE x;--",
	"<script>alert(1)</script>", "null", "-1", "NaN", "٣", "\ufeff", "ﬀ", "İ", "\U0001F469\u200D\U0001F680", "all", "zd:1", "zd:", ":", "a:" + canary, "__proto__", "$ref",
	strings.Repeat("x", 300), strings.Repeat("ä", 5000), "\\", "\"", "\r\n", "2026-13-45T99:99:99Z", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
	"00000000-0000-0000-0000-000000000000", "{", "*", "%s%n", "${jndi:ldap://x}", "http://169.254.169.254/", "text", "a@b.c"}

// text draws any text.
func (d *drawer) text() string {
	if d.once(4, "any text") {
		return rapid.StringN(0, 40, 200).Draw(d.T, "text")
	}
	return pick(d, "text", hostile...)
}

// tokens are pieces of JSON, and of what only looks like it.
var tokens = []string{"null", "true", "false", "0", "-1", "1e999", "-0", "1.5", "99999999999999999999999999", "9223372036854775808", "\"\"", "[]", "{}", "[null]", "[[]]",
	`"` + canary + `"`, `{"` + canary + `":1}`, `"\ud800"`, `"\udc00\ud800"`, "\"\xff\"", `"\u0000"`, "nul", "NaN", "'x'", "{\"a\":1,\"a\":2}", "{\"a\":1,}", "01", "\"\n\"",
	strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), strings.Repeat("[", 5000)}

// json draws a JSON text of a schema. name is that of the property it is for.
func (d *drawer) json(s schema, name string) string {
	if d.wrong(16, "break") {
		return pick(d, "token", tokens...)
	}
	if options := slices.Concat(s.AnyOf, s.OneOf); len(options) > 0 {
		return d.json(pick(d, "which", options...), name)
	}
	if s.Ref != "" {
		return d.json(d.schemas[s.name()], name)
	}
	if len(s.Enum) > 0 {
		text, _ := json.Marshal(pick(d, name, s.Enum...))
		return string(text)
	}
	switch s.kind() {
	case "object":
		return d.object(s, name)
	case "array":
		return d.array(s, name)
	case "boolean":
		return strconv.FormatBool(rapid.Bool().Draw(d.T, name))
	case "integer", "number":
		return d.number(s, name)
	case "string":
		text, _ := json.Marshal(d.valueOf(s, name))
		return string(text)
	}
	return pick(d, "token", tokens...)
}

func (d *drawer) object(s schema, name string) string {
	var parts []string
	add := func(key, value string) {
		quoted, _ := json.Marshal(key)
		parts = append(parts, string(quoted)+":"+value)
	}
	for _, key := range sortedKeys(s.Properties) {
		needed := slices.Contains(s.Required, key)
		if needed && !d.wrong(30, "leave out") || !needed && d.once(3, "give") {
			add(key, d.json(s.Properties[key], key))
		}
	}
	var more schema
	if json.Unmarshal(s.More, &more) == nil && (more.kind() != "" || more.Ref != "") {
		for range rapid.IntRange(0, 3).Draw(d.T, "more") {
			add(d.seen.id(d, "keys"), d.json(more, name))
		}
	}
	if d.wrong(20, "unknown field") {
		add(d.text(), pick(d, "token", tokens...))
	}
	if len(parts) > 0 && d.wrong(40, "twice") {
		parts = append(parts, parts[0])
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (d *drawer) array(s schema, name string) string {
	var parts []string
	n := rapid.IntRange(0, 3).Draw(d.T, "length")
	if d.wrong(200, "long") {
		n = 600
	}
	for range n {
		parts = append(parts, d.json(*s.Items, name))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func (d *drawer) number(s schema, name string) string {
	low, high := int64(-5), int64(5000)
	if s.Minimum != nil {
		low = int64(*s.Minimum)
	}
	if s.Maximum != nil {
		high = int64(*s.Maximum)
	}
	if d.wrong(10, "beyond") {
		return pick(d, name, strconv.FormatInt(low-1, 10), strconv.FormatInt(high+1, 10), "9223372036854775807", "18446744073709551616", "1e3", "2.5")
	}
	return strconv.FormatInt(rapid.Int64Range(low, max(low, high)).Draw(d.T, name), 10)
}

// valueOf draws a text for a property or parameter.
func (d *drawer) valueOf(s schema, name string) string {
	switch {
	case len(s.Enum) > 0 && !d.wrong(12, "no choice"):
		return fmt.Sprint(pick(d, name, s.Enum...))
	case s.kind() == "integer":
		return d.number(s, name)
	case s.Format == "date-time" && !d.wrong(6, "no time"):
		return time.Now().Add(time.Duration(rapid.IntRange(-1000, 1000).Draw(d.T, name)) * time.Hour).UTC().Format(time.RFC3339)
	case name == "cursor":
		return d.seen.id(d, "cursors")
	case d.wrong(5, "any text"):
		return d.text()
	}
	return d.seen.id(d, name)
}

// path fills the parameters of a path. plain tells whether they leave the path's shape as it was.
func (d *drawer) path(template, workspace string) (path string, plain bool) {
	parts, plain := strings.Split(template, "/"), true
	for i, part := range parts {
		name, is := strings.CutPrefix(part, "{")
		if !is {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		value := workspace
		switch {
		case name != "workspace" && d.wrong(12, "any text"):
			value = d.text()
		case name == "id":
			value = d.seen.id(d, parts[i-1])
		case name != "workspace":
			value = d.seen.id(d, name)
		case d.wrong(25, "elsewhere"):
			value = pick(d, "workspace", d.seen.elsewhere, uuid.NewString(), canary)
		}
		parts[i] = url.PathEscape(value)
		switch {
		case d.wrong(60, "raw"):
			parts[i] = strings.NewReplacer("\r", "", "\n", "", " ", "", "?", "", "#", "").Replace(value)
			plain = plain && parts[i] == url.PathEscape(value)
		case d.wrong(60, "twice"):
			parts[i] = url.PathEscape(parts[i])
		}
		plain = plain && parts[i] != "" && parts[i] != "." && parts[i] != ".." && !strings.ContainsAny(value, "/\\")
	}
	return strings.Join(parts, "/"), plain
}

// seen are the ids and tokens that answers gave, by what they are of.
type seen struct {
	ids       map[string][]string
	elsewhere string // another workspace
}

const mostSeen = 30 // of a kind

func (s *seen) note(kind, id string) {
	if id == "" || slices.Contains(s.ids[kind], id) {
		return
	}
	if s.ids[kind] = append(s.ids[kind], id); len(s.ids[kind]) > mostSeen {
		s.ids[kind] = slices.Delete(s.ids[kind], 5, 6) // the first ones are what the scene has
	}
}

// kinds are where ids for a name are found, if it does not say so itself.
var kinds = map[string]string{"target": "members", "assignees": "members", "followers": "members", "approvers": "members", "owners": "members", "created_by": "members",
	"secret": "secrets", "ticket": "tickets", "ticket_id": "tickets", "contact": "contacts", "template": "templates", "template_id": "templates", "member": "members",
	"group": "groups", "rule": "rules", "key": "keys", "permissions": "permissions", "contacts": "contacts", "tickets": "tickets", "members": "members", "groups": "groups", "reveal-verifications": "reveal-verifications", "confirm": "names", "name": "names", "upload": "uploads"}

// id draws one for a name: what answers gave for it, mostly, or something that is not there.
func (s *seen) id(d *drawer, name string) string {
	kind := name
	if k, ok := kinds[name]; ok {
		kind = k
	}
	known := s.ids[kind]
	switch {
	case len(known) == 0 && d.careful:
		known = []string{"Some text"}
	case len(known) == 0 || d.wrong(20, "of another kind"):
		kind = pick(d, "kind", sortedKeys(s.ids)...)
		known = s.ids[kind]
	case d.wrong(15, "absent"):
		return pick(d, name, uuid.NewString(), "zd:absent", "absent", "00000000-0000-0000-0000-000000000000")
	}
	return rapid.SampledFrom(known).Draw(d.T, name)
}
