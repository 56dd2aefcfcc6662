package http

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/domain/member"
)

// provider is an identity provider with an API key.
type provider struct {
	*world
	t   *testing.T
	key string
}

func newProvider(t *testing.T) provider {
	w := newWorld(t)
	return provider{w, t, w.issue(t, `{"name":"Entra","permissions":["directory.manage"]}`).Key}
}

func (p provider) send(method, path, body string) answered {
	p.t.Helper()
	got := p.withKey(p.t, p.key, method, scimPath+path, body)
	if len(got.body) > 0 {
		require.Equal(p.t, scimType, got.Header.Get("Content-Type"))
	}
	return got
}

// does sends a request and returns its answer, which has a status.
func (p provider) does(status int, method, path, body string) (answer map[string]any) {
	p.t.Helper()
	got := p.send(method, path, body)
	require.Equal(p.t, status, got.StatusCode, string(got.body))
	if len(got.body) > 0 {
		got.into(p.t, &answer)
	}
	return answer
}

func (p provider) find(kind, filter string) (found []any, total int) {
	p.t.Helper()
	answer := p.does(200, "GET", "/"+kind+"?filter="+url.QueryEscape(filter), "")
	found, _ = answer["Resources"].([]any)
	require.NotNil(p.t, answer["Resources"], "an empty list is a list")
	return found, int(answer["totalResults"].(float64))
}

func (p provider) member(id string) member.State {
	s, err := commands.Load(p.t.Context(), p.Run, p.Workspace, members.Aggregate(p.Workspace, id))
	require.NoError(p.t, err)
	return s
}

func (p provider) membersOf(path string) (ids []string) {
	p.t.Helper()
	list, _ := p.does(200, "GET", path, "")["members"].([]any)
	for _, m := range list {
		ids = append(ids, m.(map[string]any)["value"].(string))
	}
	return ids
}

func at(id string) string { return "/" + url.PathEscape(id) }

// As Microsoft Entra sends them: a look-up, a creation, changes with capitalised operations and texts for booleans, groups.
func TestEntraProvisions(t *testing.T) {
	p := newProvider(t)
	found, total := p.find("Users", `userName eq "Ann.Agent@corp.example"`)
	require.Empty(t, found)
	require.Zero(t, total)
	made := p.does(201, "POST", "/Users", `{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
		"externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
		"userName": "Ann.Agent@corp.example",
		"active": true,
		"displayName": "Ann Agent",
		"emails": [{"primary": true, "type": "work", "value": "ann@example.com"}],
		"meta": {"resourceType": "User"},
		"name": {"formatted": "Ann Agent", "familyName": "Agent", "givenName": "Ann"},
		"title": "Agent",
		"roles": [],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "North", "employeeNumber": "7"}}`)
	const ann = "scim:0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"
	require.Equal(t, ann, made["id"])
	require.Equal(t, "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef", made["externalId"])
	s := p.member(ann)
	require.Equal(t, []any{"Ann Agent", "ann@example.com", "North", "Agent", true}, []any{s.Profile.Name, s.Profile.Email, s.Profile.Division, s.Profile.Title, s.Profile.Active})
	require.Empty(t, s.Permissions)
	require.False(t, s.Owner)
	require.Nil(t, s.Identity)
	for _, filter := range []string{`userName eq "ann.agent@CORP.example"`, `externalId eq "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"`, `id eq "` + ann + `"`} {
		found, total = p.find("Users", filter)
		require.Equal(t, 1, total, filter)
		require.Equal(t, made["id"], found[0].(map[string]any)["id"])
	}
	require.Equal(t, "uniqueness", p.does(409, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann.agent@corp.example"}`)["scimType"])

	changed := p.does(200, "PATCH", "/Users"+at(ann), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
		{"op":"Replace","path":"emails[type eq \"work\"].value","value":"ann.new@example.com"},
		{"op":"Add","path":"name.familyName","value":"Owner"},
		{"op":"Replace","path":"displayName","value":"Ann Lead"},
		{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"South"},
		{"op":"Remove","path":"title"},
		{"op":"Replace","path":"userName","value":"ann.lead@corp.example"},
		{"op":"Replace","path":"externalId","value":"another"}]}`)
	require.Equal(t, "Ann Lead", changed["displayName"])
	require.Equal(t, ann, changed["id"], "ids stay")
	require.Equal(t, "another", changed["externalId"])
	s = p.member(ann)
	require.Equal(t, []any{"ann.new@example.com", "South", "", "ann.lead@corp.example"}, []any{s.Profile.Email, s.Profile.Division, s.Profile.Title, s.Profile.UserName})
	p.does(200, "PATCH", "/Users"+at(ann), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`)
	require.False(t, p.member(ann).Profile.Active)
	p.does(200, "PATCH", "/Users"+at(ann), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","value":{"active":"True"}}]}`)
	require.True(t, p.member(ann).Profile.Active)

	group := p.does(201, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
		"externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159","displayName":"Billing","members":[],"meta":{"resourceType":"Group"}}`)
	path := "/Groups" + at(group["id"].(string))
	patch := func(operation string) {
		t.Helper()
		p.does(204, "PATCH", path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operation+`]}`)
	}
	patch(fmt.Sprintf(`{"op":"Add","path":"members","value":[{"value":%q},{"value":%q}]}`, ann, agent))
	require.ElementsMatch(t, []string{ann, agent}, p.membersOf(path))
	patch(fmt.Sprintf(`{"op":"Remove","path":"members","value":[{"value":%q}]}`, ann))
	require.Equal(t, []string{agent}, p.membersOf(path))
	patch(fmt.Sprintf(`{"op":"Remove","path":"members[value eq \"%s\"]"}`, agent))
	require.Empty(t, p.membersOf(path))
	patch(`{"op":"Replace","path":"displayName","value":"Invoices"}`)
	found, _ = p.find("Groups", `displayName eq "invoices"`)
	require.Len(t, found, 1)
	require.Equal(t, "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159", found[0].(map[string]any)["externalId"])
	p.does(204, "DELETE", path, "")
	p.does(404, "GET", path, "")
	p.does(404, "DELETE", path, "")
	p.does(204, "DELETE", "/Users"+at(ann), "")
	p.does(404, "GET", "/Users"+at(ann), "")
	require.False(t, p.member(ann).Exists)
}

// As Okta sends them: whole users by PUT, deactivation without a path, groups by several operations at once.
func TestOktaProvisions(t *testing.T) {
	p := newProvider(t)
	user := func(name string, active bool) string {
		return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"bob@example.com",
			"name":{"givenName":"Bob","familyName":%q},"emails":[{"primary":true,"value":"bob@example.com","type":"work"}],
			"displayName":%q,"locale":"en-US","externalId":"00ujl29u0le5T6Aj10h7","groups":[],"password":"1mz050nq","active":%t}`, name, "Bob "+name, active)
	}
	found, _ := p.find("Users", `userName eq "bob@example.com"`)
	require.Empty(t, found)
	bob := p.does(201, "POST", "/Users", user("Agent", true))
	const id = "scim:00ujl29u0le5T6Aj10h7"
	require.Equal(t, id, bob["id"])
	require.NotContains(t, bob, "password")
	require.Equal(t, 200, p.as(t, owner, "PATCH", p.api+"/members/"+url.PathEscape(id), `{"division":"East"}`).StatusCode)
	require.Equal(t, "Bob Lead", p.does(200, "PUT", "/Users"+at(id), user("Lead", true))["displayName"])
	require.Equal(t, "East", p.member(id).Profile.Division, "what others told stays")
	require.Equal(t, 200, p.as(t, owner, "PUT", p.api+"/members/"+url.PathEscape(id), `{"name":"Bob"}`).StatusCode)
	require.Equal(t, "bob@example.com", p.member(id).Profile.UserName, "and so does what the provider told")
	gone := p.does(200, "PATCH", "/Users"+at(id), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`)
	require.Equal(t, false, gone["active"])
	require.False(t, p.member(id).Profile.Active)

	group := p.does(201, "POST", "/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Support","members":[{"value":%q,"display":"bob@example.com"}]}`, id))
	require.NotContains(t, group, "externalId")
	path := "/Groups" + at(group["id"].(string))
	p.does(204, "PATCH", path, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
		{"op":"remove","path":"members[value eq \"%s\"]"},{"op":"add","path":"members","value":[{"value":%q,"display":"x"}]}]}`, id, agent))
	require.Equal(t, []string{agent}, p.membersOf(path))
	p.does(204, "PATCH", path, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
		{"op":"replace","value":{"id":%q,"displayName":"Support 2"}}]}`, group["id"]))
	require.Equal(t, "Support 2", p.does(200, "GET", path, "")["displayName"])
	p.does(200, "PUT", path, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":%q,"displayName":"Support","members":[{"value":%q}]}`, group["id"], id))
	require.Equal(t, []string{id}, p.membersOf(path))
	p.does(204, "PATCH", path, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members"}]}`)
	require.Empty(t, p.membersOf(path))
}

func TestSCIMListsAreBounded(t *testing.T) {
	p := newProvider(t)
	for i := range 3 {
		p.does(201, "POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"u%d@example.com","externalId":"u%d"}`, i, i))
	}
	var seen []string
	all := 0
	for start := 1; ; start += 2 {
		page := p.does(200, "GET", fmt.Sprintf("/Users?startIndex=%d&count=2", start), "")
		list := page["Resources"].([]any)
		if len(list) == 0 {
			break
		}
		require.LessOrEqual(t, len(list), 2)
		all = int(page["totalResults"].(float64))
		for _, u := range list {
			seen = append(seen, u.(map[string]any)["id"].(string))
		}
	}
	require.Len(t, seen, all)
	require.Contains(t, seen, agent, "whoever the helpdesk told of is there too")
	require.IsIncreasing(t, seen)
	require.Empty(t, p.does(200, "GET", "/Users?count=0", "")["Resources"])
	require.Len(t, p.does(200, "GET", "/Users?count=100000&startIndex=-5", "")["Resources"], all)
	require.Len(t, p.does(200, "GET", "/Groups?startIndex=999999999", "")["Resources"], 0)
	p.does(400, "GET", "/Users?count=many", "")
	for _, filter := range []string{`userName sw "a"`, `title eq "x"`, `userName eq "a" or userName eq "b"`, `((`, `not (userName eq "a")`, `emails[type eq "work"]`, `active eq true`} {
		answer := p.does(400, "GET", "/Users?filter="+url.QueryEscape(filter), "")
		require.Equal(t, "invalidFilter", answer["scimType"], filter)
	}
}

func TestWhoMayProvision(t *testing.T) {
	p := newProvider(t)
	weak := p.issue(t, `{"name":"Reader","permissions":["secrets.view","settings.manage"]}`)
	for _, path := range []string{"/Users", "/Users/" + url.PathEscape(agent), "/Groups", "/Schemas", "/ServiceProviderConfig"} {
		require.Equal(t, 403, p.withKey(t, weak.Key, "GET", scimPath+path, "").StatusCode)
		for _, got := range []answered{p.as(t, owner, "GET", scimPath+path, ""), p.as(t, "", "GET", scimPath+path, ""), p.withKey(t, "csk_made_up", "GET", scimPath+path, "")} {
			require.Equal(t, 401, got.StatusCode, "%s: only service accounts", path)
			require.NotEmpty(t, got.Header.Get("WWW-Authenticate"))
			var answer struct {
				Schemas []string
				Status  string
			}
			got.into(t, &answer)
			require.Equal(t, "401", answer.Status)
			require.Equal(t, []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, answer.Schemas)
		}
	}
	p.does(200, "GET", "/ServiceProviderConfig", "")
	p.does(200, "GET", "/Schemas", "")
	p.does(200, "GET", "/ResourceTypes", "")
	p.does(404, "GET", "/Bulk", "")

	p.does(403, "DELETE", "/Users"+at(owner), "")
	answer := p.does(409, "PATCH", "/Users"+at(owner), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
	require.Contains(t, answer["detail"], "last_owner")
	before := p.member(agent)
	p.does(200, "PATCH", "/Users"+at(agent), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[
		{"op":"add","path":"roles","value":[{"value":"owner"}]},{"op":"add","value":{"entitlements":[{"value":"secrets.manage"}]}}]}`)
	p.does(400, "PATCH", "/Users"+at(agent), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","value":{"owner":true,"permissions":["secrets.manage"]}}]}`)
	after := p.member(agent)
	require.Equal(t, before.Permissions, after.Permissions)
	require.False(t, after.Owner)

	elsewhere := p.as(t, owner, "POST", "/v1/workspaces", `{"name":"Other"}`)
	require.Equal(t, 201, elsewhere.StatusCode)
	var other ChangeBody
	elsewhere.into(t, &other)
	foreign := p.as(t, owner, "POST", "/v1/workspaces/"+other.ID+"/api-keys", `{"name":"Other","permissions":["directory.manage"]}`)
	var issued IssuedAPIKey
	foreign.into(t, &issued)
	require.Equal(t, 404, p.withKey(t, issued.Key, "GET", scimPath+"/Users"+at(agent), "").StatusCode, "a key's workspace is the only one it sees")
}

func TestWhatProvidersMayGetWrong(t *testing.T) {
	p := newProvider(t)
	user := "/Users" + at(agent)
	for _, c := range []struct {
		status             int
		method, path, body string
	}{
		{400, "POST", "/Users", `{`}, {400, "POST", "/Users", `[]`}, {400, "POST", "/Users", `{"a":1,"a":2}`}, {400, "POST", "/Users", ``},
		{400, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]}`},
		{400, "POST", "/Users", `{"userName":"x","emails":[{"value":"needle"}]}`},
		{400, "POST", "/Users", `{"userName":5}`},
		{400, "POST", "/Groups", `{"displayName":"G","members":[{"value":"needle"}]}`},
		{400, "PATCH", user, `{"Operations":[{"op":"replace","path":"active","value":true}]}`},
		{400, "PATCH", user, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"needle","path":"active"}]}`},
		{400, "PATCH", user, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"needle[","value":1}]}`},
		{400, "PATCH", user, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[]}`},
		{400, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"needle\u0000"}`},
		{400, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"x","externalId":"needle\u0000"}`},
		{404, "GET", "/Groups/a%00b", ""},
		{404, "PUT", "/Users/nobody", `{"userName":"x"}`}, {404, "GET", "/Users/scim:%2e%2e%2f", ""},
		{413, "POST", "/Users", `{"userName":"` + strings.Repeat("x", 2<<20) + `"}`},
	} {
		got := p.send(c.method, c.path, c.body)
		require.Equal(t, c.status, got.StatusCode, "%s %s %.80s: %s", c.method, c.path, c.body, got.body)
		require.NotContains(t, string(got.body), "needle")
		var answer map[string]any
		require.NoError(t, json.Unmarshal(got.body, &answer))
		require.Equal(t, fmt.Sprint(c.status), answer["status"])
	}
}

func TestWhatIsProvisionedIsFound(t *testing.T) {
	p := newProvider(t)
	made := p.send("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"nora@corp.example","externalId":"00u1"}`)
	require.Equal(t, 201, made.StatusCode, string(made.body))
	require.Equal(t, "/scim/v2/Users/scim:00u1", made.Header.Get("Location"))
	read := p.as(t, owner, "GET", p.api+"/members/scim:00u1", "", headerMinPosition, made.Header.Get(headerPosition))
	require.Equal(t, 200, read.StatusCode, string(read.body))
	require.NotEmpty(t, made.Header.Get(headerPosition))
}
