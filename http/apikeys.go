package http

import (
	"context"
	nethttp "net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
)

// KeyUse keeps when API keys were last used.
type KeyUse interface {
	// Note takes down that a key is being used. It does not wait.
	Note(workspace, key uuid.UUID, at time.Time)
	// LastUsed returns when keys were last used, coarsely; those that never were are not in it.
	LastUsed(ctx context.Context, workspace uuid.UUID, keys []uuid.UUID) (map[uuid.UUID]time.Time, error)
}

// APIKey is a service account. Its key is not in it.
type APIKey struct {
	directory.APIKey
	LastUsed *time.Time `json:"last_used" doc:"To the minute; null if it never was"`
}

// APIKeyBody is a new service account.
type APIKeyBody struct {
	Name        string              `json:"name"`
	Permissions []domain.Permission `json:"permissions" nullable:"false" doc:"At least one"`
	ExpiresAt   *time.Time          `json:"expires_at,omitempty" nullable:"true" doc:"Never unless given"`
}

type issueAPIKey struct {
	Workspace
	Body APIKeyBody
}

// IssuedAPIKey is the answer that has the key in it, once.
type IssuedAPIKey struct {
	ID       uuid.UUID `json:"id"`
	Key      string    `json:"key" doc:"Shown this once; only a keyed hash of it is kept" example:"csk_…"`
	Revision uint64    `json:"revision" doc:"Of the workspace"`
}

type issuedOutput struct {
	Status   int
	ETag     string `header:"ETag" doc:"The revision of the workspace, in quotes"`
	Position string `header:"X-Log-Position" doc:"Opaque: the change's place in the log"`
	Location string `header:"Location"`
	Body     IssuedAPIKey
}

type listAPIKeys struct {
	Workspace
	Search
	Paging
}

func (s *Server) apiKeyRoutes() {
	const tag, path, needs = "API keys", inWorkspace + "/api-keys", "to be an owner"
	list(s, route{method: nethttp.MethodGet, path: path, id: "list-api-keys", tag: tag, summary: "List the API keys of service accounts",
		needs: needs, models: directoryModel}, s.listAPIKeys)
	op := s.changeOperation(route{method: nethttp.MethodPost, path: path, id: "issue-api-key", tag: tag,
		summary: "Let a service account in and show its key, once", needs: needs})
	huma.Register(s.api, op, func(ctx context.Context, in *issueAPIKey) (*issuedOutput, error) {
		out, err := s.issueAPIKey(ctx, callOf(ctx), in)
		if err != nil {
			return nil, problemOf(err)
		}
		return out, nil
	})
	change(s, route{method: nethttp.MethodDelete, path: path + "/{id}", id: "revoke-api-key", tag: tag,
		summary: "Shut a service account out, at once", needs: needs}, func(ctx context.Context, c *call, in *Owned) (changed, error) {
		id, err := in.id()
		if err != nil {
			return changed{}, err
		}
		r, err := s.Workspaces.RevokeAPIKey(ctx, c.request(), id)
		return changedTo(id.String(), r), err
	})
}

func (s *Server) issueAPIKey(ctx context.Context, c *call, in *issueAPIKey) (*issuedOutput, error) {
	issued, r, err := s.Workspaces.IssueAPIKey(ctx, c.request(), workspace.NewAPIKey(in.Body))
	if err != nil {
		return nil, err
	}
	done := changedTo(issued.ID.String(), r)
	s.written.note(c, done.position)
	c.answer = &answer{ID: done.id, ShownOnce: true}
	return &issuedOutput{
		Status: nethttp.StatusCreated, ETag: etag(done.revision), Position: s.positions.token(done.position),
		Location: c.located("api-keys", done.id), Body: IssuedAPIKey{issued.ID, issued.Key, done.revision},
	}, nil
}

func (s *Server) listAPIKeys(ctx context.Context, c *call, in *listAPIKeys, page projections.Page) (none projections.Paged[APIKey], _ error) {
	if err := s.Workspaces.Run.AuthoriseOwner(c.request()); err != nil {
		return none, err
	}
	found, err := s.Directory.ListAPIKeys(ctx, c.workspace, in.Q, page)
	if err != nil {
		return none, err
	}
	ids := make([]uuid.UUID, len(found.Items))
	for i, k := range found.Items {
		if ids[i], err = uuid.Parse(k.ID); err != nil {
			return none, err
		}
	}
	used := map[uuid.UUID]time.Time{}
	if s.KeyUse != nil {
		if used, err = s.KeyUse.LastUsed(ctx, c.workspace, ids); err != nil {
			return none, err
		}
	}
	list := make([]APIKey, len(ids))
	for i, k := range found.Items {
		list[i] = APIKey{APIKey: k}
		if at, ok := used[ids[i]]; ok {
			list[i].LastUsed = &at
		}
	}
	return projections.Paged[APIKey]{Items: list, Next: found.Next}, nil
}
