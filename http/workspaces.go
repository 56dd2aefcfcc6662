package http

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	nethttp "net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/member"
	rules "github.com/kdesk/client-secrets/domain/workspace"
	"github.com/kdesk/client-secrets/projections/directory"
)

// Me is who the caller is.
type Me struct {
	Issuer     string        `json:"issuer"`
	Subject    string        `json:"subject"`
	Email      string        `json:"email"`
	Workspaces []MyWorkspace `json:"workspaces" nullable:"false"`
}

// MyWorkspace is a workspace that the caller is a member of.
type MyWorkspace struct {
	ID                uuid.UUID           `json:"id"`
	Name              string              `json:"name"`
	Member            string              `json:"member" doc:"The caller's member id"`
	Owner             bool                `json:"owner"`
	Permissions       []domain.Permission `json:"permissions" nullable:"false"`
	Enabled           bool                `json:"enabled"`
	ClientSecretsPage bool                `json:"client_secrets_page" doc:"Whether Client Secrets are there for the caller"`
}

func (s *Server) workspaceRoutes() {
	read(s, route{method: nethttp.MethodGet, path: "/v1/me", id: "get-me", tag: "Workspace", summary: "Who the caller is",
		models: []string{"directory"}}, s.me)
	change(s, route{method: nethttp.MethodPost, path: workspacesPath, id: "create-workspace", tag: "Workspace",
		summary: "Open a workspace and own it", needs: "a sign-in of an issuer whose people may"}, s.openWorkspace)
	read(s, route{method: nethttp.MethodGet, path: inWorkspace + "/settings", id: "get-settings", tag: "Workspace",
		summary: "Settings", models: []string{"directory"}}, s.settings)
	change(s, route{method: nethttp.MethodPatch, path: inWorkspace + "/settings", id: "change-settings", tag: "Workspace",
		summary: "Change some settings", needs: "settings.manage"}, s.changeSettings)
}

func (s *Server) me(ctx context.Context, c *call, _ *struct{}) (Me, *uint64, error) {
	me := Me{Issuer: c.principal.Issuer, Subject: c.principal.Subject, Email: c.principal.Email, Workspaces: []MyWorkspace{}}
	var memberships []access.Membership
	c.view(func(x *access.Index) { memberships = x.Memberships(c.principal.SubjectHash) })
	ids := make([]uuid.UUID, len(memberships))
	for i, m := range memberships {
		ids[i] = m.Workspace
	}
	names, err := s.Directory.WorkspaceNames(ctx, ids)
	if err != nil {
		return me, nil, err
	}
	for _, m := range memberships {
		if !m.Active {
			continue
		}
		me.Workspaces = append(me.Workspaces, MyWorkspace{
			ID: m.Workspace, Name: names[m.Workspace], Member: m.Member, Owner: m.Owner, Permissions: m.Permissions.List(),
			Enabled: m.Enabled, ClientSecretsPage: m.Enabled && m.Permissions.MeetsClientSecrets(),
		})
	}
	return me, nil, nil
}

type openWorkspaceInput struct {
	Body struct {
		Name string `json:"name" doc:"1 to 200 characters"`
	}
}

var errIssuer = domain.Refuse(domain.Forbidden, "issuer_not_allowed", "people of this issuer may not open workspaces by themselves")

func (s *Server) openWorkspace(ctx context.Context, c *call, in *openWorkspaceInput) (changed, error) {
	p := c.principal
	if !slices.Contains(s.WorkspaceIssuers, p.Issuer) {
		return changed{}, errIssuer
	}
	founder := workspace.Founder{Issuer: p.Issuer, Subject: p.Subject, Profile: member.Profile{
		ID: founderID(p.Issuer, p.Subject), Name: firstOf(p.Name, p.Email, "Owner"), Email: usableEmail(p.Email), Active: true,
	}}
	req := c.request()
	req.Actor = domain.Actor{Kind: domain.Member, ID: founder.Profile.ID, Session: p.Session}
	if req.Key != "" { // two issuers may have the same subject
		req.Key = hexOf(p.SubjectHash) + " " + req.Key
	}
	r, err := s.Workspaces.Open(ctx, req, in.Body.Name, founder)
	if err != nil {
		return changed{}, err
	}
	s.written.note(&call{workspace: r.ID, actor: req.Actor}, uint64(r.Position)) // for the founder's first look into it
	done := changedTo(r.ID.String(), r)
	done.location = workspacesPath + "/" + r.ID.String() + "/settings"
	return done, nil
}

// founderID returns the member id of somebody whom no directory has told of.
func founderID(issuer, subject string) string {
	if id := "oidc:" + subject; domain.CheckForeignID(id) == nil {
		return id
	}
	sum := sha256.Sum256([]byte(issuer + "\x00" + subject))
	return "oidc:" + hex.EncodeToString(sum[:])
}

// usableEmail returns a sign-in's address, empty if it is none: nobody stays out over what their issuer wrote there.
func usableEmail(address string) string {
	if _, err := domain.CheckEmail(address); err != nil {
		return ""
	}
	return address
}

// firstOf returns the first text that can be a member's name.
func firstOf(candidates ...string) string {
	for _, name := range candidates {
		if checked, err := domain.CheckName(name, domain.MaxName); err == nil {
			return checked
		}
	}
	return ""
}

func (s *Server) settings(ctx context.Context, c *call, _ *Workspace) (directory.Settings, *uint64, error) {
	settings, at, err := s.Directory.Settings(ctx, c.workspace)
	return settings, &at, err
}

type changeSettingsInput struct {
	Workspace
	Body SettingsChange
}

// SettingsChange changes the settings that it names.
type SettingsChange struct {
	Enabled            *bool                 `json:"enabled,omitempty"`
	RevealVerification *rules.Verification   `json:"reveal_verification,omitempty"`
	ExpiredReveals     *rules.ExpiredReveals `json:"expired_reveals,omitempty" enum:"managers_with_confirmation,confirmation,blocked"`
	Reason             *rules.ReasonRule     `json:"reason,omitempty" enum:"off,optional,required"`
	RemaskSeconds      *int                  `json:"remask_seconds,omitempty" minimum:"5" maximum:"600"`
	RevealLimitPerHour *int                  `json:"reveal_limit_per_hour,omitempty" minimum:"0" maximum:"100000" doc:"0 is no limit"`
}

func (s *Server) changeSettings(ctx context.Context, c *call, in *changeSettingsInput) (changed, error) {
	r, err := s.Workspaces.ChangeSettings(ctx, c.request(), rules.SettingsChanged(in.Body))
	return changedTo(c.workspace.String(), r), err
}
