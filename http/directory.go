package http

import (
	"context"
	nethttp "net/http"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections"
)

// Thing names a thing of the directory in a workspace.
type Thing struct {
	Workspace
	ID string `path:"id" doc:"source:id, 1 to 128 visible characters, percent-encoded"`
}

// thing returns the id of the thing that a path names.
func (t *Thing) thing() (string, error) { return foreignID(t.ID, "path.id") }

// Things narrows a list of the directory.
type Things struct {
	Workspace
	Search
	Paging
}

// namesThing is an input that names a thing of the directory.
type namesThing[I any] interface {
	*I
	thing() (string, error)
}

// kind is one kind of things of the directory: how their routes are named.
type kind struct{ one, many, tag string }

func (k kind) path() string { return inWorkspace + "/" + k.many }

const directoryManage = "directory.manage"

var directoryModel = []string{"directory"}

// listThings registers the list of a kind.
func listThings[T any](s *Server, k kind, query func(context.Context, *call, string, projections.Page) (projections.Paged[T], error)) {
	r := route{method: nethttp.MethodGet, path: k.path(), id: "list-" + k.many, tag: k.tag, summary: "List " + k.many,
		needs: directoryManage, models: directoryModel}
	list(s, r, func(ctx context.Context, c *call, in *Things, page projections.Page) (projections.Paged[T], error) {
		if err := c.require(domain.DirectoryManage); err != nil {
			return projections.Paged[T]{}, err
		}
		return query(ctx, c, in.Q, page)
	})
}

// getThing registers the reading of one thing of a kind. revisionOf returns its revision.
func getThing[T any](s *Server, k kind, revisionOf func(*T) uint64, query func(context.Context, *call, string) (T, error)) {
	r := route{method: nethttp.MethodGet, path: k.path() + "/{id}", id: "get-" + k.one, tag: k.tag, summary: "Get a " + k.one,
		needs: directoryManage, models: directoryModel}
	read(s, r, func(ctx context.Context, c *call, in *Thing) (none T, _ *uint64, err error) {
		if err := c.require(domain.DirectoryManage); err != nil {
			return none, nil, err
		}
		id, err := in.thing()
		if err != nil {
			return none, nil, err
		}
		found, err := query(ctx, c, id)
		if err != nil {
			return none, nil, err
		}
		return found, revision(revisionOf(&found)), nil
	})
}

// changeThing registers a change of one thing of a kind; sub is what follows its id in the path.
func changeThing[I any, P namesThing[I]](s *Server, k kind, method, sub, summary, needs string, run func(context.Context, *call, string, *I) (changed, error)) {
	verb := map[string]string{nethttp.MethodPut: "put-", nethttp.MethodPatch: "change-", nethttp.MethodDelete: "remove-"}[method]
	name := k.one
	if sub != "" {
		name += "-" + sub[1:]
	}
	r := route{method: method, path: k.path() + "/{id}" + sub, id: verb + name, tag: k.tag, summary: summary, needs: needs}
	change(s, r, func(ctx context.Context, c *call, in *I) (changed, error) {
		id, err := P(in).thing()
		if err != nil {
			return changed{}, err
		}
		return run(ctx, c, id, in)
	})
}
