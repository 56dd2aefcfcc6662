package http

import (
	"context"
	nethttp "net/http"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/source"
	"github.com/kdesk/client-secrets/domain/workspace"
)

const (
	sourcesPath  = inWorkspace + "/sources"
	deliveryPath = sourcesPath + "/{source}"
	sourcesTag   = "Sources"
)

// SourceStatus is a kind of helpdesk, and whether its webhooks are let in. What they are checked with is not in it.
type SourceStatus struct {
	Source       workspace.Source `json:"source" enum:"freshdesk,zammad,zendesk"`
	Configured   bool             `json:"configured"`
	Fetches      bool             `json:"fetches" doc:"Whether the helpdesk is asked for what its webhooks leave out"`
	LastDelivery *time.Time       `json:"last_delivery" doc:"To the minute; null if there was none"`
}

// SourceList is every source.
type SourceList struct {
	Items []SourceStatus `json:"items" nullable:"false"`
}

// SourceBody is what webhooks are checked with, and how the helpdesk is asked for what they leave out.
type SourceBody struct {
	Secret   string `json:"secret" doc:"What the helpdesk signs with: 16 to 500 visible ASCII characters; never shown again"`
	APIToken string `json:"api_token,omitempty" doc:"To ask the helpdesk with; required for Freshdesk; never shown again"`
	BaseURL  string `json:"base_url,omitempty" doc:"The helpdesk's https address; required beside api_token" example:"https://example.zendesk.com"`
}

// Named names a source.
type Named struct {
	Workspace
	Source string `path:"source" doc:"zendesk, zammad or freshdesk"`
}

type configureSource struct {
	Named
	Body SourceBody
}

func (s *Server) sourceRoutes() {
	const needs = "to be an owner"
	read(s, route{method: nethttp.MethodGet, path: sourcesPath, id: "list-sources", tag: sourcesTag, summary: "List the helpdesks that can be let in",
		needs: needs}, s.listSources)
	change(s, route{method: nethttp.MethodPut, path: deliveryPath, id: "configure-source", tag: sourcesTag,
		summary: "Let a helpdesk's webhooks in, or change what they are checked with", needs: needs},
		func(ctx context.Context, c *call, in *configureSource) (changed, error) {
			given := source.Credentials{Secret: in.Body.Secret, Token: in.Body.APIToken, BaseURL: in.Body.BaseURL}
			r, err := s.Sources.Configure(ctx, c.request(), workspace.Source(in.Source), given)
			return changedTo(in.Source, r), err
		})
	change(s, route{method: nethttp.MethodDelete, path: deliveryPath, id: "remove-source", tag: sourcesTag,
		summary: "Shut a helpdesk's webhooks out, at once", needs: needs}, func(ctx context.Context, c *call, in *Named) (changed, error) {
		r, err := s.Sources.Remove(ctx, c.request(), workspace.Source(in.Source))
		return changedTo(in.Source, r), err
	})
	s.describeDelivery()
}

func (s *Server) listSources(ctx context.Context, c *call, _ *Workspace) (list SourceList, _ *uint64, err error) {
	configured, err := s.Sources.Sources(c.request())
	if err != nil {
		return list, nil, err
	}
	all := workspace.Sources()
	keys := make([]uuid.UUID, len(all))
	for i, name := range all {
		keys[i] = deliveryKey(c.workspace, name)
	}
	last := map[uuid.UUID]time.Time{}
	if s.KeyUse != nil {
		if last, err = s.KeyUse.LastUsed(ctx, c.workspace, keys); err != nil {
			return list, nil, err
		}
	}
	list.Items = make([]SourceStatus, len(all))
	for i, name := range all {
		found, ok := configured[name]
		list.Items[i] = SourceStatus{Source: name, Configured: ok, Fetches: found.Fetches}
		if at, delivered := last[keys[i]]; delivered {
			list.Items[i].LastDelivery = &at
		}
	}
	return list, nil, nil
}

// deliveryKey is what a source's last delivery is noted under.
func deliveryKey(ws uuid.UUID, name workspace.Source) uuid.UUID {
	return uuid.NewSHA1(ws, []byte("source\x00"+string(name)))
}
