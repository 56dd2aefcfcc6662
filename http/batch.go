package http

import (
	"context"
	"mime"
	nethttp "net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/kdesk/client-secrets/domain"
)

const (
	batchPath     = inWorkspace + "/directory/batch"
	ndjson        = "application/x-ndjson"
	batchesAtOnce = 4
	batchTime     = 10 * time.Minute // for all lines of one
)

type batchInput struct {
	Workspace
	RawBody []byte `contentType:"application/x-ndjson" doc:"One JSON object a line: kind, op (put unless given), id, and what the body of that change has"`
}

// LineResult tells what became of a line.
type LineResult struct {
	Line     int             `json:"line" doc:"From 1; blank lines count"`
	ID       string          `json:"id,omitempty"`
	Status   int             `json:"status" doc:"As the change by itself would be answered"`
	Result   string          `json:"result,omitempty" enum:"changed,unchanged,ignored" doc:"ignored: older than what is known, by source_version"`
	Revision *uint64         `json:"revision,omitempty"`
	Code     string          `json:"code,omitempty" doc:"Of a line that was refused"`
	Errors   []ProblemDetail `json:"errors,omitempty"`
}

// batchRoutes describes the batch. It is served by a handler of its own, which reads and answers line by line.
func (s *Server) batchRoutes() {
	op := s.operation(route{method: nethttp.MethodPost, path: batchPath, id: "batch-directory", tag: "Directory",
		summary: "Change up to 50,000 members, groups, contacts and tickets, with a result per line", needs: directoryManage,
		errors: []int{429}, status: nethttp.StatusOK})
	op.Description += " Lines about the same thing are carried out in their order; a line that is refused stops no other. Results are " +
		"streamed in the order of the lines, as NDJSON. Repeating a batch is safe: with the same Idempotency-Key, each line " +
		"that was carried out is recognised; without one, the same facts change nothing."
	op.Parameters = append(op.Parameters, headerParam(headerIdempotency, "Makes a repetition recognise each line: 1 to 200 visible characters"))
	describeOnly[batchInput, LineResult](s.api, op)
	if p := s.api.OpenAPI().Paths[batchPath]; p != nil {
		answer := p.Post.Responses["200"]
		answer.Content = map[string]*huma.MediaType{ndjson: answer.Content["application/json"]}
	}
}

// serveBatches registers batches before other bodies are read.
func (s *Server) serveBatches() { s.app.Post(fiberPath(batchPath), s.batch) }

// batch begins to carry out lines. They go on arriving, and their results go out, after it has returned.
func (s *Server) batch(f *fiber.Ctx) error {
	c, _ := f.Locals(callKey{}).(*call)
	if err := c.require(domain.DirectoryManage); err != nil {
		return err
	}
	kind, _, err := mime.ParseMediaType(f.Get(fiber.HeaderContentType))
	if encoding := f.Get(fiber.HeaderContentEncoding); err != nil || kind != ndjson || encoding != "" && encoding != "identity" {
		return unsupported(ndjson)
	}
	select {
	case s.batches <- struct{}{}:
	default:
		return domain.Refuse(domain.TooMany, "too_many_batches", "other batches are being carried out; try again later").After(5 * time.Second)
	}
	ctx, cancel := context.WithTimeout(context.Background(), batchTime)
	run := newBatchRun(s, c, bodyOf(f).lend(), func() {
		cancel()
		<-s.batches
	})
	run.start(ctx)
	f.Set(fiber.HeaderContentType, ndjson)
	f.Context().SetBodyStream(run, -1)
	return nil
}
