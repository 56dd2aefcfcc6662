package http

import (
	"fmt"
	nethttp "net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/domain"
)

// operation says who may carry out an operation of the API: members with any of these permissions, owners, or every member.
type operation struct {
	needs   []domain.Permission
	owners  bool            // only
	members bool            // all
	outside bool            // of workspaces: whoever signs in
	off     bool            // works while Client Secrets are switched off
	refuse  bool            // only who may not is looked at here: it takes more than a request to succeed
	ask     func(*prop) ask // how it is asked for by somebody who may; it succeeds then
}

// ask is what goes into a request: what fills the path's parameters after the workspace, and the body.
type ask struct {
	in      []string
	body    string
	headers []string // pairs
}

func needs(p ...domain.Permission) []domain.Permission { return p }

// everything has every operation of the API. A new one is to be added with those who may: nobody else gets in.
var everything = map[string]operation{
	"get-health": {outside: true}, "get-readiness": {outside: true}, "get-metrics": {outside: true}, "get-openapi": {outside: true},
	"get-docs": {outside: true}, // whoever reaches the server

	"get-me":           {outside: true, off: true, ask: none},
	"create-workspace": {outside: true, off: true, ask: body(`{"name":"Mine"}`)},
	"get-settings":     {members: true, off: true, ask: none},
	"change-settings":  {needs: needs(domain.SettingsManage), off: true, ask: body(`{"remask_seconds":45}`)},

	"batch-directory": {needs: needs(domain.DirectoryManage), off: true, ask: func(*prop) ask {
		return ask{body: `{"kind":"group","id":"test:g","name":"N"}`, headers: []string{"Content-Type", ndjson}}
	}},

	"list-sources":     {owners: true, off: true, ask: none},
	"configure-source": {owners: true, off: true, ask: func(*prop) ask { return ask{in: []string{"zammad"}, body: `{"secret":"0123456789abcdef"}`} }},
	"remove-source":    {owners: true, off: true, ask: in("zammad")},
	"receive-delivery": {outside: true}, // by whoever can sign it

	"list-api-keys": {owners: true, off: true, ask: none},
	"issue-api-key": {owners: true, off: true, ask: body(keyBody)},
	"revoke-api-key": {owners: true, off: true, ask: func(p *prop) ask {
		return ask{in: []string{p.made("/api-keys", keyBody)}}
	}},

	"list-members":           {needs: needs(domain.DirectoryManage), off: true, ask: none},
	"get-member":             {needs: needs(domain.DirectoryManage), off: true, ask: thing("members", "")},
	"put-member":             {needs: needs(domain.DirectoryManage), off: true, ask: thing("members", `{"name":"N"}`)},
	"change-member":          {needs: needs(domain.DirectoryManage), off: true, ask: thing("members", `{"name":"N"}`)},
	"remove-member":          {needs: needs(domain.DirectoryManage), off: true, ask: thing("members", "")},
	"put-member-permissions": {owners: true, off: true, ask: thing("members", `{"permissions":["secrets.view"]}`)},
	"put-member-owner":       {owners: true, off: true, ask: thing("members", `{"owner":false}`)},
	"put-member-identity": {owners: true, off: true, ask: func(p *prop) ask {
		return ask{in: []string{p.thing("members")}, body: fmt.Sprintf(`{"issuer":%q,"subject":%q}`, p.issuer.URL, uuid.NewString())}
	}},

	"invite-member": {owners: true, off: true, ask: func(p *prop) ask {
		id := p.thing("members")
		require.Equal(p.t, 200, p.as(p.t, owner, "PATCH", p.api+"/members/"+url.PathEscape(id), `{"email":"n@example.com"}`).StatusCode)
		return ask{in: []string{id}}
	}},
	"withdraw-invitation": {owners: true, off: true, ask: thing("members", "")},
	"accept-invitation":   {outside: true, off: true, refuse: true, ask: body(`{"token":"csi_made_up"}`)},

	"remove-member-identity": {owners: true, off: true, ask: thing("members", "")},

	"list-groups":    {needs: needs(domain.DirectoryManage), off: true, ask: none},
	"get-group":      {needs: needs(domain.DirectoryManage), off: true, ask: thing("groups", "")},
	"put-group":      {needs: needs(domain.DirectoryManage), off: true, ask: thing("groups", `{"name":"N"}`)},
	"remove-group":   {needs: needs(domain.DirectoryManage), off: true, ask: thing("groups", "")},
	"list-contacts":  {needs: needs(domain.DirectoryManage), off: true, ask: none},
	"get-contact":    {needs: needs(domain.DirectoryManage), off: true, ask: thing("contacts", "")},
	"put-contact":    {needs: needs(domain.DirectoryManage), off: true, ask: thing("contacts", `{"name":"N"}`)},
	"change-contact": {needs: needs(domain.DirectoryManage), off: true, ask: thing("contacts", `{"name":"N"}`)},
	"remove-contact": {needs: needs(domain.DirectoryManage), off: true, ask: thing("contacts", "")},
	"list-tickets":   {needs: needs(domain.DirectoryManage), off: true, ask: none},
	"get-ticket":     {needs: needs(domain.DirectoryManage), off: true, ask: thing("tickets", "")},
	"put-ticket":     {needs: needs(domain.DirectoryManage), off: true, ask: thing("tickets", `{"subject":"S"}`)},
	"change-ticket":  {needs: needs(domain.DirectoryManage), off: true, ask: thing("tickets", `{"subject":"S"}`)},
	"remove-ticket":  {needs: needs(domain.DirectoryManage), off: true, ask: thing("tickets", "")},

	"list-templates":   {needs: domain.ClientSecretPermissions(), off: true, ask: none},
	"get-template":     {needs: domain.ClientSecretPermissions(), off: true, ask: onTemplate("")},
	"create-template":  {needs: needs(domain.TemplatesManage), off: true, ask: body(templateBody)},
	"put-template":     {needs: needs(domain.TemplatesManage), off: true, ask: onTemplate(templateBody)},
	"archive-template": {needs: needs(domain.TemplatesManage), off: true, ask: onTemplate("")},
	"restore-template": {needs: needs(domain.TemplatesManage), off: true, ask: onTemplate("")},

	"list-secrets": {needs: needs(domain.SecretsView), ask: none},
	"create-secret": {needs: needs(domain.SecretsModify), ask: func(p *prop) ask {
		return ask{body: fmt.Sprintf(`{"template_id":%q,"name":"N","fields":{"api_key":"v"}}`, p.Template)}
	}},
	"get-secret":          {needs: needs(domain.SecretsView), ask: onSecret("")},
	"change-secret":       {needs: needs(domain.SecretsModify), ask: onSecret(`{"name":"N"}`)},
	"list-value-versions": {needs: needs(domain.SecretsView), ask: onSecret("", "api_key")},
	"put-value":           {needs: needs(domain.SecretsModify), ask: onSecret(`{"value":"v"}`, "api_key")},
	"clear-value":         {needs: needs(domain.SecretsModify), ask: onSecret("", "note")},
	"upload-file": {needs: needs(domain.SecretsModify), ask: func(*prop) ask {
		return ask{body: "bytes", headers: []string{"Content-Disposition", "attachment; filename=licence.pdf"}}
	}},
	"download-file":           {needs: needs(domain.SecretsReveal), ask: onFile},
	"reveal-field":            {needs: needs(domain.SecretsReveal), ask: onSecret("", "api_key")},
	"upgrade-secret-template": {needs: needs(domain.SecretsModify), ask: onSecret("")},
	"put-hold":                {needs: needs(domain.SecretsManage), ask: onSecret(`{"reason":"R"}`)},
	"remove-hold":             {needs: needs(domain.SecretsManage), ask: onSecret("")},
	"destroy-secret":          {needs: needs(domain.SecretsManage), ask: onSecret(`{"confirm":"Tenant"}`)},

	"import-secrets": {needs: needs(domain.SecretsManage), ask: func(*prop) ask {
		return ask{in: []string{"bitwarden"}, body: `{"items":[{"id":"1","type":1,"name":"N","login":{"password":"p"}}]}`}
	}},
	"put-ticket-link":         {needs: needs(domain.SecretsLink), ask: onSecret("", commandstest.Ticket)},
	"remove-ticket-link":      {needs: needs(domain.SecretsLink), ask: onSecret("", commandstest.Ticket)},
	"put-contact-relation":    {needs: needs(domain.SecretsLink), ask: related},
	"remove-contact-relation": {needs: needs(domain.SecretsLink), ask: related},
	"put-assignment":          {needs: needs(domain.SecretsManage), ask: onSecret("", "member", commandstest.Assignee)},
	"remove-assignment":       {needs: needs(domain.SecretsManage), ask: onSecret("", "member", commandstest.Assignee)},
	"list-viewers":            {needs: needs(domain.SecretsManage, domain.AuditRead), off: true, ask: onSecret("")},
	"list-rules":              {needs: needs(domain.SecretsManage), ask: onSecret("")},
	"add-rule":                {needs: needs(domain.SecretsManage), ask: onSecret(`{"kind":"ticket_creator"}`)},
	"remove-rule":             {needs: needs(domain.SecretsManage), ask: onRule},

	"get-ticket-panel":            {members: true, off: true, ask: in(commandstest.Ticket)},
	"get-reveal-verification":     {needs: needs(domain.SecretsReveal), off: true, ask: none},
	"request-reveal-verification": {needs: needs(domain.SecretsReveal), refuse: true, ask: none},
	"confirm-reveal-verification": {needs: needs(domain.SecretsReveal), refuse: true, ask: func(*prop) ask {
		return ask{in: []string{uuid.NewString()}, body: `{"code":"123456"}`}
	}},
	"lock-reveals": {needs: needs(domain.SecretsReveal), refuse: true, ask: none},
	"list-reveals": {needs: needs(domain.AuditRead), off: true, ask: none},
}

const keyBody = `{"name":"N","permissions":["secrets.view"]}`

const templateBody = `{"name":"N","fields":[{"key":"api_key","label":"L","type":"text"}]}`

func none(*prop) ask { return ask{} }

func body(b string) func(*prop) ask { return func(*prop) ask { return ask{body: b} } }

func in(params ...string) func(*prop) ask { return func(*prop) ask { return ask{in: params} } }

func thing(kind, body string) func(*prop) ask {
	return func(p *prop) ask { return ask{in: []string{p.thing(kind)}, body: body} }
}

func onTemplate(body string) func(*prop) ask {
	return func(p *prop) ask { return ask{in: []string{p.made("/templates", templateBody)}, body: body} }
}

func onSecret(body string, more ...string) func(*prop) ask {
	return func(p *prop) ask { return ask{in: append([]string{p.secret()}, more...), body: body} }
}

func related(p *prop) ask { return ask{in: []string{p.secret(), p.thing("contacts")}} }

func onRule(p *prop) ask {
	secret := p.secret()
	return ask{in: []string{secret, p.made("/secrets/"+secret+"/rules", `{"kind":"ticket_creator"}`)}}
}

func onFile(p *prop) ask {
	return ask{in: []string{p.fileSecret(p.t, "licence.pdf", "bytes", `"assignments":[{"kind":"everyone","target":"all"}]`), "licence"}}
}

// prop makes what is acted upon, as the owner.
type prop struct {
	*world
	t *testing.T
}

func (p *prop) made(path, body string) string {
	got := p.as(p.t, owner, nethttp.MethodPost, p.api+path, body)
	require.Equal(p.t, nethttp.StatusCreated, got.StatusCode, string(got.body))
	var made ChangeBody
	got.into(p.t, &made)
	return made.ID
}

func (p *prop) thing(kind string) string {
	id, body := "test:"+uuid.NewString(), `{"name":"N"}`
	if kind == "tickets" {
		body = `{"subject":"S"}`
	}
	got := p.as(p.t, owner, nethttp.MethodPut, p.api+"/"+kind+"/"+url.PathEscape(id), body)
	require.Equal(p.t, nethttp.StatusOK, got.StatusCode, string(got.body))
	return id
}

// secret makes one that everyone is let in to: only permissions are left to decide.
func (p *prop) secret() string {
	return p.made("/secrets", fmt.Sprintf(`{"template_id":%q,"name":"Tenant","fields":{"api_key":"v","note":"n"},
		"assignments":[{"kind":"everyone","target":"all"}]}`, p.Template))
}

// described is an operation as the API's description has it.
type described struct {
	id, method, path, needs string
	members                 map[string]schema // of its JSON body
}

func (p *prop) described() (all []described) {
	doc := p.document(p.t)
	for path, methods := range doc.Paths {
		for method, op := range methods {
			body := doc.resolved(op.Body.Content["application/json"].Schema)
			all = append(all, described{op.ID, strings.ToUpper(method), path, op.Description, body.Properties})
		}
	}
	slices.SortFunc(all, func(a, b described) int { return strings.Compare(a.id, b.id) })
	return all
}

// known are the operations in the table.
func (p *prop) known() []described {
	return slices.DeleteFunc(p.described(), func(d described) bool { return everything[d.id].ask == nil })
}

var parameter = regexp.MustCompile(`{\w+}`)

// prepared is a request ready to be sent.
type prepared struct {
	method, path, body, after string
	headers                   []string
}

func (p *prop) prepare(d described) prepared { return p.fill(d, everything[d.id].ask(p)) }

// fill makes a request of what goes into it.
func (p *prop) fill(d described, a ask) prepared {
	rest := strings.Replace(d.path, inWorkspace, p.api, 1)
	path := parameter.ReplaceAllStringFunc(rest, func(string) string {
		next := url.PathEscape(a.in[0])
		a.in = a.in[1:]
		return next
	})
	r := prepared{method: d.method, path: path, body: a.body, headers: a.headers}
	if d.method == nethttp.MethodGet {
		r.after = p.settled(p.t)
	}
	return r
}

func (p *prop) send(who string, r prepared, headers ...string) answered {
	headers = append(headers, r.headers...)
	if r.after != "" {
		headers = append(headers, headerMinPosition, r.after)
	}
	return p.as(p.t, who, r.method, r.path, r.body, headers...)
}

// enter makes somebody a member with permissions, who signs in by their id.
func (p *prop) enter(id string, held ...domain.Permission) string {
	p.member(id)
	req := commands.Request{Workspace: p.Workspace, Actor: domain.Actor{Kind: domain.Operator}}
	_, err := p.World.Members.SetPermissions(p.t.Context(), req, id, held)
	require.NoError(p.t, err)
	_, err = p.World.Members.BindIdentity(p.t.Context(), req, id, p.issuer.URL, id)
	require.NoError(p.t, err)
	return id
}

func (p *prop) member(id string) {
	got := p.as(p.t, owner, nethttp.MethodPut, p.api+"/members/"+url.PathEscape(id), `{"name":"N"}`)
	require.Equal(p.t, nethttp.StatusOK, got.StatusCode, string(got.body))
}

func newProp(t *testing.T) *prop {
	p := &prop{newWorld(t), t}
	return p
}

func TestEveryOperationSaysWhoMay(t *testing.T) {
	for _, d := range newProp(t).described() {
		if _, ok := everything[d.id]; !ok {
			t.Errorf("add %s to the table of all operations, with those who may", d.id)
		}
	}
}

func TestOnlyThoseWhoMayGetIn(t *testing.T) {
	p := newProp(t)
	single := map[domain.Permission]string{}
	for _, perm := range domain.Permissions() {
		single[perm] = p.enter("test:only."+string(perm), perm)
	}
	p.enter("test:none")
	p.enter("test:all", domain.Permissions()...)
	for _, d := range p.known() {
		op := everything[d.id]
		if op.outside {
			continue
		}
		t.Run(d.id, func(t *testing.T) {
			p.t = t
			for _, perm := range domain.Permissions() {
				p.expect(single[perm], d, op.members || slices.Contains(op.needs, perm))
			}
			p.expect("test:none", d, op.members)
			p.expect("test:all", d, !op.owners)
			p.expect(p.allBut(op.needs), d, op.members)
			p.expect(owner, d, true)
			for _, need := range op.needs {
				if len(op.needs) < 3 {
					require.Contains(t, d.needs, string(need), "its description says what it needs")
				}
			}
		})
	}
}

// allBut is a member with all permissions but these.
func (p *prop) allBut(without []domain.Permission) string {
	id := "test:without"
	var held []domain.Permission
	for _, perm := range domain.Permissions() {
		if slices.Contains(without, perm) {
			id += "." + string(perm)
		} else if len(without) > 0 {
			held = append(held, perm)
		}
	}
	return p.enter(id[:min(len(id), 128)], held...)
}

func (p *prop) expect(who string, d described, allowed bool) {
	p.t.Helper()
	if allowed && everything[d.id].refuse {
		return
	}
	got := p.send(who, p.prepare(d))
	if allowed {
		require.Less(p.t, got.StatusCode, 300, "%s may %s: %s", who, d.id, got.body)
		return
	}
	require.Contains(p.t, []int{nethttp.StatusForbidden, nethttp.StatusNotFound}, got.StatusCode, "%s may not %s: %s", who, d.id, got.body)
	got.code(p.t)
}

func TestWhoIsNotAMemberAnyMoreIsAStranger(t *testing.T) {
	p := newProp(t)
	p.enter("test:inactive", domain.Permissions()...)
	p.enter("test:removed", domain.Permissions()...)
	require.Equal(t, 200, p.as(t, owner, "PATCH", p.api+"/members/test:inactive", `{"active":false}`).StatusCode)
	require.Equal(t, 200, p.as(t, owner, "DELETE", p.api+"/members/test:removed", "").StatusCode)
	require.Equal(t, 201, p.as(t, "founder", "POST", workspacesPath, `{"name":"Theirs"}`).StatusCode, "an owner, of another workspace")
	expired := p.issuer.tokenUntil(t, owner, time.Now().Add(-time.Minute))
	good := p.issuer.token(t, owner)
	for _, d := range p.known() {
		r := p.prepare(d)
		for _, bad := range []string{"Bearer " + expired, "Bearer " + tampered(good), "Bearer csk_made_up", "Basic " + good, "Bearer"} {
			got := p.send("", r, "Authorization", bad)
			require.Equal(t, nethttp.StatusUnauthorized, got.StatusCode, "%s: %s", d.id, got.body)
		}
		require.Equal(t, nethttp.StatusUnauthorized, p.send("", r).StatusCode)
		if everything[d.id].outside {
			continue
		}
		absent := r
		absent.path = strings.Replace(r.path, p.Workspace.String(), uuid.NewString(), 1)
		want := p.send(owner, absent)
		require.Equal(t, nethttp.StatusNotFound, want.StatusCode, "%s: %s", d.id, want.body)
		for _, who := range []string{"test:inactive", "test:removed", "stranger", "founder"} {
			got := p.send(who, r)
			require.Equal(t, want.StatusCode, got.StatusCode, "%s of %s: %s", d.id, who, got.body)
			require.Equal(t, string(want.body), string(got.body))
		}
	}
}

// tampered changes a token's signature.
func tampered(token string) string {
	b := []byte(token)
	i := len(b) - 20
	if b[i]++; b[i] == 'z'+1 || b[i] == 'Z'+1 || b[i] == '9'+1 {
		b[i] = 'a'
	}
	return string(b)
}

func TestWhatIsSwitchedOff(t *testing.T) {
	p := newProp(t)
	list := p.known()
	ready := make([]prepared, len(list))
	for i, d := range list {
		ready[i] = p.prepare(d)
	}
	require.Equal(t, 200, p.as(t, owner, "PATCH", p.api+"/settings", `{"enabled":false}`).StatusCode)
	for i, d := range list {
		got := p.send(owner, ready[i])
		if everything[d.id].refuse {
			continue
		}
		if everything[d.id].off {
			require.Less(t, got.StatusCode, 300, "%s: %s", d.id, got.body)
			continue
		}
		require.Equal(t, nethttp.StatusForbidden, got.StatusCode, "%s: %s", d.id, got.body)
		require.Equal(t, "module_off", got.code(t), d.id)
	}
}
