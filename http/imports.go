package http

import (
	"context"
	"encoding/json"
	"fmt"
	nethttp "net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/kdesk/client-secrets/commands/imports"
)

// importTimeout is enough for the most items that a file may have, on a slow disk. What is not done by then may be repeated.
const importTimeout = 5 * time.Minute

type importInput struct {
	Workspace
	Format      string   `path:"format" enum:"bitwarden,keeper,csv"`
	DryRun      bool     `query:"dry_run" doc:"Reports what would be done and does nothing"`
	ID          string   `query:"id" maxLength:"200" doc:"CSV: the column that identifies a row; otherwise its whole content does"`
	Name        string   `query:"name" maxLength:"200" doc:"CSV: the column of names, name unless given"`
	Description string   `query:"description" maxLength:"200" doc:"CSV: the column of descriptions, description unless given"`
	ExpiresAt   string   `query:"expires_at" maxLength:"200" doc:"CSV: the column of expiries, expires_at unless given; days or RFC 3339 times"`
	Plain       []string `query:"plain,explode" maxItems:"60" doc:"CSV: a column that is not sensitive; may be repeated"`
	Skip        []string `query:"skip,explode" maxItems:"60" doc:"CSV: a column that is not imported; may be repeated"`

	RawBody []byte `contentType:"application/octet-stream" doc:"The file as it was exported"`
}

// importRoutes describes imports. They are served by a handler of their own, which reads larger files than other bodies and
// overwrites them afterwards.
func (s *Server) importRoutes() {
	op := s.operation(route{method: nethttp.MethodPost, path: inWorkspace + "/imports/{format}", id: "import-secrets", tag: secretsTag,
		summary: "Make secrets of an export file of Bitwarden or Keeper (JSON), or of a CSV with a header", needs: secretsManage,
		errors: []int{429}, status: nethttp.StatusOK})
	op.Description += " Repeating an import is safe: what it made before is left as it is. Every field of a CSV is sensitive unless it is " +
		"named as plain. The report tells of every record and holds no value."
	describeOnly[importInput, imports.Report](s.api, op)
}

// serveImports registers imports before other bodies are read.
func (s *Server) serveImports() {
	s.app.Post("/v1/workspaces/:workspace/imports/:format", s.importFile)
}

func (s *Server) importFile(f *fiber.Ctx) error {
	c, _ := f.Locals(callKey{}).(*call)
	if err := s.Imports.Authorise(c.request()); err != nil {
		return err
	}
	columns, dry, err := importQuery(f)
	if err != nil {
		return err
	}
	leave, err := s.Imports.Enter()
	if err != nil {
		return err
	}
	defer leave()
	if encoding := f.Get(fiber.HeaderContentEncoding); encoding != "" && encoding != "identity" {
		return unsupported("")
	}
	file, err := bodyOf(f).whole(f.Request().Header.ContentLength(), s.ImportLimit)
	if err != nil {
		clear(file)
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.UserContext()), importTimeout)
	defer cancel()
	report, err := s.Imports.File(ctx, c.request(), f.Params("format"), file, imports.Options{Columns: columns, DryRun: dry})
	if err != nil {
		return err
	}
	f.Set(headerPosition, s.positions.token(uint64(s.Index.Applied())))
	s.written.note(c, uint64(s.Index.Applied()))
	body, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("encoding a report: %w", err)
	}
	f.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return f.Send(body)
}

var importParameters = []string{"dry_run", "id", "name", "description", "expires_at", "plain", "skip"}

// importQuery reads what a request says about its file. A parameter that is not known is refused, since it may be one that
// was to keep something secret.
func importQuery(f *fiber.Ctx) (columns imports.Columns, dry bool, err error) {
	query, err := url.ParseQuery(string(f.Request().URI().QueryString()))
	if err != nil {
		return columns, false, malformed("invalid_parameter", "is not valid here", "query")
	}
	for name, values := range query {
		if !slices.Contains(importParameters, name) || len(values) > 1 && name != "plain" && name != "skip" {
			return columns, false, malformed("invalid_parameter", "is not valid here", "query")
		}
		for _, value := range values {
			if err := plainText(value, "query."+name); err != nil {
				return columns, false, err
			}
		}
	}
	switch query.Get("dry_run") {
	case "", "false":
	case "true":
		dry = true
	default:
		return columns, false, malformed("invalid_parameter", "is true or false", "query.dry_run")
	}
	return imports.Columns{
		ID: query.Get("id"), Name: query.Get("name"), Description: query.Get("description"), ExpiresAt: query.Get("expires_at"),
		Plain: query["plain"], Skip: query["skip"],
	}, dry, nil
}
