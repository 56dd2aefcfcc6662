package http

import (
	"context"
	nethttp "net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	rules "github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/record"
)

type secretTicket struct {
	Owned
	Ticket string `path:"ticket" doc:"Ticket id, percent-encoded"`
}

type secretContact struct {
	Owned
	Contact string `path:"contact" doc:"Contact id, percent-encoded"`
}

type secretAssignment struct {
	Owned
	Kind   rules.AssignmentKind `path:"kind" enum:"member,group,division,everyone"`
	Target string               `path:"target" doc:"Member id, group id, division, or all; percent-encoded"`
}

type addRule struct {
	Owned
	Body RuleBody
}

type removeRule struct {
	Owned
	Rule string `path:"rule" format:"uuid"`
}

// Viewer is somebody and how he stands to a secret.
type Viewer struct {
	Kind     domain.ActorKind   `json:"kind" enum:"member,service"`
	ID       string             `json:"id"`
	Allowed  bool               `json:"allowed"`
	Decision domain.Explanation `json:"decision" doc:"Its code says why not"`
	Ways     []access.Way       `json:"ways" nullable:"false" doc:"Every way in, also while a condition that comes before is not met"`
}

type listViewers struct {
	Owned
	Paging
	Member string `query:"member" maxLength:"128" doc:"Tells of this member alone, also why not"`
}

type listRules struct {
	Owned
	Paging
}

// relation is a change of what a secret is related to or whom it lets in.
type relation func(context.Context, commands.Request, uuid.UUID, string) (commands.Result, error)

func (s *Server) secretAccessRoutes() {
	s.linkRoutes()
	s.grantRoutes()
	list(s, route{method: nethttp.MethodGet, path: secretPath + "/access", id: "list-viewers", tag: "Access",
		summary: "Who may see a secret now, and every reason", needs: "secrets.manage or audit.read"}, s.listViewers)
	list(s, route{method: nethttp.MethodGet, path: secretPath + "/rules", id: "list-rules", tag: "Access", summary: "List the rules of a secret",
		needs: secretsManage, models: secretsModel, errors: []int{nethttp.StatusConflict}}, s.listRules)
	change(s, route{method: nethttp.MethodPost, path: secretPath + "/rules", id: "add-rule", tag: "Access", summary: "Add a rule",
		needs: secretsManage}, s.addRule)
	change(s, route{method: nethttp.MethodDelete, path: secretPath + "/rules/{rule}", id: "remove-rule", tag: "Access", summary: "End a rule",
		needs: secretsManage}, s.removeRule)
}

func (s *Server) linkRoutes() {
	for method, run := range map[string]relation{nethttp.MethodPut: s.Secrets.LinkTicket, nethttp.MethodDelete: s.Secrets.UnlinkTicket} {
		change(s, route{method: method, path: secretPath + "/tickets/{ticket}", id: verbs[method] + "ticket-link", tag: secretsTag,
			summary: summaries[method] + " the link to a ticket", needs: secretsLink},
			func(ctx context.Context, c *call, in *secretTicket) (changed, error) {
				return c.relate(ctx, &in.Owned, in.Ticket, "path.ticket", run)
			})
	}
	for method, run := range map[string]relation{nethttp.MethodPut: s.Secrets.RelateContact, nethttp.MethodDelete: s.Secrets.UnrelateContact} {
		change(s, route{method: method, path: secretPath + "/contacts/{contact}", id: verbs[method] + "contact-relation", tag: secretsTag,
			summary: summaries[method] + " the relation to a contact", needs: secretsLink},
			func(ctx context.Context, c *call, in *secretContact) (changed, error) {
				return c.relate(ctx, &in.Owned, in.Contact, "path.contact", run)
			})
	}
}

var (
	verbs     = map[string]string{nethttp.MethodPut: "put-", nethttp.MethodDelete: "remove-"}
	summaries = map[string]string{nethttp.MethodPut: "Make", nethttp.MethodDelete: "End"}
)

func (c *call) relate(ctx context.Context, in *Owned, raw, location string, run relation) (changed, error) {
	to, err := foreignID(raw, location)
	if err != nil {
		return changed{}, err
	}
	return c.onSecret(in, func(req commands.Request, id uuid.UUID) (commands.Result, error) { return run(ctx, req, id, to) })
}

func (s *Server) grantRoutes() {
	type grant func(context.Context, commands.Request, uuid.UUID, rules.AssignmentKind, string) (commands.Result, error)
	for method, run := range map[string]grant{nethttp.MethodPut: s.Secrets.Grant, nethttp.MethodDelete: s.Secrets.Revoke} {
		change(s, route{method: method, path: secretPath + "/assignments/{kind}/{target}", id: verbs[method] + "assignment", tag: "Access",
			summary: summaries[method] + " an assignment", needs: secretsManage},
			func(ctx context.Context, c *call, in *secretAssignment) (changed, error) {
				target, err := url.PathUnescape(in.Target)
				if err != nil || plainText(target, "") != nil {
					return changed{}, malformed("malformed_id", "is not valid here", "path.target")
				}
				return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
					return run(ctx, req, id, in.Kind, target)
				})
			})
	}
}

func (s *Server) listRules(ctx context.Context, c *call, in *listRules, page projections.Page) (none projections.Paged[record.Rule], _ error) {
	id, err := in.id()
	if err != nil {
		return none, err
	}
	if err := s.Secrets.Run.AuthoriseSecret(c.request(), access.Manage, id); err != nil {
		return none, err
	}
	found, err := s.SecretQueries.Get(ctx, c.workspace, id)
	if err != nil {
		return none, err
	}
	after, _, err := page.Key(1)
	if err != nil {
		return none, err
	}
	idOf := func(r *record.Rule) []string { return []string{r.ID.String()} }
	slices.SortFunc(found.Rules, func(a, b record.Rule) int { return slices.Compare(idOf(&a), idOf(&b)) })
	rest := slices.DeleteFunc(found.Rules, func(r record.Rule) bool { return idOf(&r)[0] <= after[0] })
	return projections.Cut(page, rest, idOf), nil
}

func (s *Server) addRule(ctx context.Context, c *call, in *addRule) (changed, error) {
	id, err := in.id()
	if err != nil {
		return changed{}, err
	}
	rule, r, err := s.Secrets.AddRule(ctx, c.request(), id, in.Body.rule())
	done := changedTo(rule.String(), r)
	done.location = c.located("secrets", id.String(), "rules", rule.String())
	return done, err
}

func (s *Server) removeRule(ctx context.Context, c *call, in *removeRule) (changed, error) {
	rule, err := parseUUID(in.Rule, "path.rule")
	if err != nil {
		return changed{}, err
	}
	return c.onSecret(&in.Owned, func(req commands.Request, id uuid.UUID) (commands.Result, error) {
		return s.Secrets.RemoveRule(ctx, req, id, rule)
	})
}

func (s *Server) listViewers(_ context.Context, c *call, in *listViewers, page projections.Page) (none projections.Paged[Viewer], _ error) {
	id, err := in.id()
	if err != nil {
		return none, err
	}
	if err := plainText(in.Member, "query.member"); err != nil {
		return none, err
	}
	if err := c.require(domain.SecretsManage, domain.AuditRead); err != nil {
		return none, err
	}
	after, _, err := page.Key(1)
	if err != nil {
		return none, err
	}
	now := s.Now()
	var found []Viewer
	c.view(func(x *access.Index) {
		if !x.HasSecret(c.workspace, id) {
			err = commands.ErrNoWorkspace
			return
		}
		if in.Member != "" {
			actor := domain.Actor{Kind: domain.Member, ID: in.Member}
			d := x.Decide(access.Request{Workspace: c.workspace, Actor: actor, Action: access.View, Secret: id, At: now})
			found = append(found, Viewer{actor.Kind, actor.ID, d.Allowed, domain.Explanation(d), orNone(x.Ways(c.workspace, id, actor, now))})
			return
		}
		for _, v := range x.Viewers(c.workspace, id, now, after[0], page.Size()+1) {
			found = append(found, Viewer{v.Actor.Kind, v.Actor.ID, true, domain.Explanation(v.Decision), orNone(x.Ways(c.workspace, id, v.Actor, now))})
		}
	})
	return projections.Cut(page, found, func(v *Viewer) []string { return []string{v.ID} }), err
}
