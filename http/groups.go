package http

import (
	"context"
	nethttp "net/http"

	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
)

// GroupBody is what the directory says of a group, whole.
type GroupBody struct {
	Name    string   `json:"name"`
	Members []string `json:"members,omitempty" nullable:"false" doc:"Member ids"`
}

type putGroup struct {
	Thing
	Body GroupBody
}

func (s *Server) groupRoutes() {
	k := kind{"group", "groups", "Groups"}
	listThings(s, k, func(ctx context.Context, c *call, q string, page projections.Page) (projections.Paged[directory.Group], error) {
		return s.Directory.ListGroups(ctx, c.workspace, q, page)
	})
	getThing(s, k, func(g *directory.Group) uint64 { return g.Revision }, func(ctx context.Context, c *call, id string) (directory.Group, error) {
		return s.Directory.GetGroup(ctx, c.workspace, id)
	})
	changeThing(s, k, nethttp.MethodPut, "", "Say what a group is, whole", directoryManage,
		func(ctx context.Context, c *call, id string, in *putGroup) (changed, error) {
			r, err := s.Groups.Sync(ctx, c.request(), id, in.Body.Name, in.Body.Members)
			return changedTo(id, r), err
		})
	changeThing(s, k, nethttp.MethodDelete, "", "End a group", directoryManage,
		func(ctx context.Context, c *call, id string, _ *Thing) (changed, error) {
			r, err := s.Groups.Remove(ctx, c.request(), id)
			return changedTo(id, r), err
		})
}
