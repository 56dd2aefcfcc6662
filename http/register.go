package http

import (
	"context"
	"encoding/hex"
	nethttp "net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/projections"
)

const (
	workspacesPath = "/v1/workspaces"
	inWorkspace    = workspacesPath + "/{workspace}"
)

// route describes one operation.
type route struct {
	method  string
	path    string
	id      string
	tag     string
	summary string
	needs   string   // permission, in words for the description
	models  []string // read models that a read answers from
	whole   bool     // the answer holds all that was recorded before it was asked for
	errors  []int    // beyond those that every route may answer with
	status  int      // of a change that was made; 0 is 201 for a POST and else 200
}

// Workspace is the path parameter of everything in a workspace.
type Workspace struct {
	Workspace string `path:"workspace" format:"uuid" doc:"The workspace"`
}

// Paging asks for a part of a list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Most items to return"`
	Cursor string `query:"cursor" maxLength:"4096" doc:"next_cursor of the page before"`
}

func (p *Paging) paging() *Paging { return p }

const maxSearch = 200 // characters; also in the tag below

// Search narrows a list to items with a text in them.
type Search struct {
	Q string `query:"q" maxLength:"200" doc:"Text to find, whatever the case"`
}

// check refuses texts that are no Unicode.
func (s *Search) check() error {
	return plainText(s.Q, "query.q")
}

// ChangeBody tells where a change left its thing.
type ChangeBody struct {
	ID       string `json:"id" doc:"Of what was changed"`
	Revision uint64 `json:"revision" doc:"It is at; also in ETag"`
}

// changed is the outcome of a change.
type changed struct {
	id       string
	revision uint64
	position uint64
	location string // of what was made; empty if nothing was
}

func changedTo(id string, r commands.Result) changed {
	return changed{id: id, revision: r.Revision, position: uint64(r.Position)}
}

type changeOutput struct {
	Status   int
	ETag     string `header:"ETag" doc:"The revision, in quotes"`
	Position string `header:"X-Log-Position" doc:"Opaque: the change's place in the log"`
	Location string `header:"Location"`
	Body     ChangeBody
}

// change registers a route that changes something.
func change[I any](s *Server, r route, run func(context.Context, *call, *I) (changed, error)) {
	op := s.changeOperation(r)
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*changeOutput, error) {
		c := callOf(ctx)
		done, err := run(ctx, c, in)
		if err != nil {
			return nil, problemOf(err)
		}
		s.written.note(c, done.position)
		c.answer = &answer{ID: done.id, Revision: done.revision, Position: done.position, Location: done.location}
		return &changeOutput{
			Status: op.DefaultStatus, ETag: etag(done.revision), Position: s.positions.token(done.position),
			Location: done.location, Body: ChangeBody{done.id, done.revision},
		}, nil
	})
}

// changeOperation returns what every operation that changes something has in common.
func (s *Server) changeOperation(r route) huma.Operation {
	op := s.operation(r)
	op.Parameters = append(op.Parameters, headerParam(headerIdempotency, "Makes a repetition safe: 1 to 200 visible characters"),
		headerParam("If-Match", `Makes the change conditional: the revision in quotes, or *`))
	if r.method == nethttp.MethodPatch {
		op.Middlewares = huma.Middlewares{s.refuseNulls}
	}
	switch op.DefaultStatus = r.status; {
	case r.status == 0 && r.method == nethttp.MethodPost:
		op.DefaultStatus = nethttp.StatusCreated
	case r.status == 0:
		op.DefaultStatus = nethttp.StatusOK
	}
	return op
}

type readOutput[O any] struct {
	ETag     string `header:"ETag" doc:"The revision, in quotes"`
	Position string `header:"X-Log-Position" doc:"Opaque: what the answer is current as of"`
	Body     O
}

// read registers a route that reads one thing. The revision may be nil.
func read[I, O any](s *Server, r route, run func(context.Context, *call, *I) (O, *uint64, error)) {
	op := s.operation(r)
	op.Parameters = append(op.Parameters, minPositionParam())
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*readOutput[O], error) {
		c := callOf(ctx)
		await := c.await
		if r.whole {
			await = c.awaitNow
		}
		position, err := await(ctx, r.models...)
		if err != nil {
			return nil, problemOf(err)
		}
		body, revision, err := run(ctx, c, in)
		if err != nil {
			return nil, problemOf(err)
		}
		out := &readOutput[O]{Position: s.positions.token(position), Body: body}
		if revision != nil {
			out.ETag = etag(*revision)
		}
		return out, nil
	})
}

// List is a part of a list.
type List[T any] struct {
	Items      []T     `json:"items" nullable:"false"`
	NextCursor *string `json:"next_cursor" doc:"Where the next page begins; null at the end"`
}

// list registers a route that reads a part of a list.
func list[I, T any, P interface {
	*I
	paging() *Paging
}](s *Server, r route, run func(context.Context, *call, *I, projections.Page) (projections.Paged[T], error)) {
	read(s, r, func(ctx context.Context, c *call, in *I) (List[T], *uint64, error) {
		if q, ok := any(in).(interface{ check() error }); ok {
			if err := q.check(); err != nil {
				return List[T]{}, nil, err
			}
		}
		p := P(in).paging()
		after, err := s.cursors.parse(c.list, p.Cursor)
		if err != nil {
			return List[T]{}, nil, err
		}
		page, err := run(ctx, c, in, projections.Page{Limit: p.Limit, After: after})
		if err != nil {
			return List[T]{}, nil, err
		}
		out := List[T]{Items: page.Items}
		if out.Items == nil {
			out.Items = []T{}
		}
		if page.Next != "" {
			next := s.cursors.token(c.list, page.Next)
			out.NextCursor = &next
		}
		return out, nil, nil
	})
}

// operation returns what every operation has in common.
func (s *Server) operation(r route) huma.Operation {
	description := "Needs no permission."
	if r.needs != "" {
		description = "Needs " + r.needs + "."
	}
	return huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Summary: r.summary, Description: description, Tags: []string{r.tag},
		Security: []map[string][]string{{"bearer": {}}}, Errors: append(commonErrors(r), r.errors...),
		RejectUnknownQueryParameters: true, MaxBodyBytes: -1,
		Metadata: map[string]any{schemasOf: s.api.OpenAPI().Components.Schemas},
	}
}

func commonErrors(r route) []int {
	codes := []int{400, 401, 403, 404, 408, 413, 431, 500, 503}
	if r.method != nethttp.MethodGet {
		codes = append(codes, 409, 412, 415, 422)
	}
	return codes
}

func headerParam(name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
}

func minPositionParam() *huma.Param {
	return headerParam(headerMinPosition, "Waits, up to 5 s, until the answer is current as of this position")
}

// located returns the place of a thing in the call's workspace.
func (c *call) located(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return workspacesPath + "/" + c.workspace.String() + "/" + strings.Join(parts, "/")
}

func revision(n uint64) *uint64 { return &n }

func hexOf(b []byte) string { return hex.EncodeToString(b) }
