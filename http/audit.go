package http

import (
	"context"
	nethttp "net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/reveals"
)

type auditReveals struct {
	Workspace
	Paging
	Secret string        `query:"secret" format:"uuid"`
	Member string        `query:"member" maxLength:"128" doc:"Member id, or the key id of a service account"`
	Ticket string        `query:"ticket" maxLength:"128"`
	Kind   reveals.Kind  `query:"kind" enum:"revealed,downloaded,denied,withheld"`
	From   time.Time     `query:"from" doc:"Inclusive"`
	To     time.Time     `query:"to" doc:"Exclusive"`
	Order  reveals.Order `query:"order" enum:"asc,desc" default:"desc" doc:"desc: the newest first"`
}

// RevealFact is one recorded reveal, denial or withholding.
type RevealFact struct {
	reveals.Reveal
	Position string `json:"position" doc:"Opaque: its place in the log"`
}

func (s *Server) auditRoutes() {
	list(s, route{method: nethttp.MethodGet, path: inWorkspace + "/audit/reveals", id: "list-reveals", tag: "Audit",
		summary: "Reveals, denials and what was withheld", needs: "audit.read", models: []string{"reveals"}, whole: true}, s.auditReveals)
}

func (s *Server) auditReveals(ctx context.Context, c *call, in *auditReveals, page projections.Page) (none projections.Paged[RevealFact], _ error) {
	if err := c.require(domain.AuditRead); err != nil {
		return none, err
	}
	filter := reveals.Filter{Member: in.Member, Ticket: in.Ticket, Kind: in.Kind, From: in.From, To: in.To, Order: in.Order}
	var err error
	if filter.Secret, err = optionalUUID(in.Secret, "query.secret"); err != nil {
		return none, err
	}
	for location, text := range map[string]string{"query.member": in.Member, "query.ticket": in.Ticket} {
		if err := plainText(text, location); err != nil {
			return none, err
		}
	}
	found, err := s.Reveals.List(ctx, c.workspace, filter, page)
	if err != nil {
		return none, err
	}
	facts := projections.Paged[RevealFact]{Items: make([]RevealFact, len(found.Items)), Next: found.Next}
	for i, r := range found.Items {
		facts.Items[i] = RevealFact{r, s.positions.token(r.Position)}
	}
	return facts, nil
}

// plainText refuses what no stored text can hold.
func plainText(text, location string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return malformed("invalid_parameter", "is not valid here", location)
	}
	return nil
}

// optionalUUID reads an id that may be left out.
func optionalUUID(text, location string) (uuid.UUID, error) {
	if text == "" {
		return uuid.Nil, nil
	}
	return parseUUID(text, location)
}
