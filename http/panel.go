package http

import (
	"context"
	"encoding/json"
	"fmt"
	nethttp "net/http"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/projections/record"
	"github.com/kdesk/client-secrets/projections/ticketpanel"
)

// Panel is what a ticket's page shows.
type Panel struct {
	Enabled      bool          `json:"enabled"`
	Items        []PanelItem   `json:"items,omitzero" doc:"Linked to the ticket, or sharing a contact with it"`
	Linkable     []Secret      `json:"linkable,omitzero" doc:"Not linked yet"`
	Verification *Verification `json:"verification,omitzero"`
}

// PanelItem is a record in a panel.
type PanelItem struct {
	Secret
	Why []string `json:"why" nullable:"false" enum:"linked,contact"`
}

type panelInput struct {
	Workspace
	Search
	Ticket string `path:"ticket" doc:"Ticket id, source:id"`
}

const panelModel = "ticketpanel"

// panelRoutes registers the panel. It is asked for with every ticket that is opened: it is described here and served by a
// handler of its own, which costs a third less.
func (s *Server) panelRoutes() {
	op := s.operation(route{method: nethttp.MethodGet, path: inWorkspace + "/tickets/{ticket}/panel", id: "get-ticket-panel",
		tag: "Ticket panel", summary: "The client secrets that matter to a ticket"})
	op.Parameters = append(op.Parameters, minPositionParam())
	describeOnly[panelInput, Panel](s.api, op)
	s.app.Get("/v1/workspaces/:workspace/tickets/:ticket/panel", s.servePanel)
}

func (s *Server) servePanel(f *fiber.Ctx) error {
	c, _ := f.Locals(callKey{}).(*call)
	ticket, err := foreignID(f.Params("ticket"), "path.ticket")
	if err != nil {
		return err
	}
	q, err := onlyQuery(f)
	if err != nil {
		return err
	}
	position, err := c.await(f.UserContext(), panelModel)
	if err != nil {
		return err
	}
	p, err := s.panel(f.UserContext(), c, ticket, q)
	if err != nil {
		return err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding a panel: %w", err)
	}
	f.Set(headerPosition, s.positions.token(position))
	f.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	f.Response().SetBodyRaw(body)
	return nil
}

// onlyQuery reads the text to find; any other parameter is refused.
func onlyQuery(f *fiber.Ctx) (string, error) {
	args := f.Context().QueryArgs()
	q := string(args.Peek("q"))
	if args.Len() > 1 || args.Len() == 1 && !args.Has("q") || utf8.RuneCountInString(q) > maxSearch {
		return "", malformed("invalid_parameter", "is not valid here", "query")
	}
	return q, plainText(q, "query.q")
}

// panel returns what a ticket's page shows to the caller.
func (s *Server) panel(ctx context.Context, c *call, ticket, q string) (Panel, error) {
	sight := c.sight()
	if !sight.enabled {
		return Panel{}, nil
	}
	v := c.verification()
	p := Panel{Enabled: true, Items: []PanelItem{}, Linkable: []Secret{}, Verification: &v}
	if sight.nothing() {
		return p, nil
	}
	found, err := s.candidates(ctx, c, sight, ticket, q)
	if err != nil {
		return Panel{}, err
	}
	err = c.fill(ctx, &p, found.items, found.linkable)
	return p, err
}

// sight is what the caller may see in the workspace.
type sight struct {
	enabled bool
	link    bool // may link what he sees
	all     bool
	ids     map[uuid.UUID]bool
	list    []uuid.UUID
}

func (s sight) nothing() bool { return !s.all && len(s.list) == 0 }

// only limits a query to what may be seen; nil does not limit it.
func (s sight) only() []uuid.UUID {
	if s.all {
		return nil
	}
	return orNone(s.list)
}

func (c *call) sight() (v sight) {
	now := c.server.Now()
	c.view(func(x *access.Index) {
		settings, _ := x.Settings(c.workspace)
		held, _ := x.Permissions(c.workspace, c.actor, now)
		v.enabled, v.link = settings.Enabled, held.Has(domain.SecretsLink)
		v.list, v.all = x.Accessible(c.workspace, c.actor, now)
	})
	v.ids = make(map[uuid.UUID]bool, len(v.list))
	for _, id := range v.list {
		v.ids[id] = true
	}
	return v
}

// candidates finds the records of a panel. Whoever may not link is offered nothing to link. Tickets are looked at again and
// again while little changes: what was found is remembered until something changes in the workspace.
func (s *Server) candidates(ctx context.Context, c *call, v sight, ticket, q string) (found candidates, err error) {
	about := s.panels.question(c.workspace, ticket, q, v, s.Freshness.Setbacks(panelModel))
	changed := s.Index.Changed(c.workspace)
	if found, ok := s.panels.recall(about, uint64(changed)); ok {
		return found, nil
	}
	complete := s.Freshness.Applied(panelModel) >= changed
	visible := func(id uuid.UUID) bool { return v.all || v.ids[id] }
	if v.link {
		found.items, found.linkable, err = s.Panels.PanelWithLinkable(ctx, c.workspace, ticket, visible,
			ticketpanel.Linkable{Q: q, Visible: visible, Only: v.only()})
	} else {
		found.items, err = s.Panels.Panel(ctx, c.workspace, ticket, visible)
	}
	if err == nil && complete {
		s.panels.remember(about, uint64(changed), found)
	}
	return found, err
}

// fill makes documents of the records that the caller may see now.
func (c *call) fill(ctx context.Context, p *Panel, items, linkable []ticketpanel.Item) error {
	records := make([]*record.Secret, 0, len(items)+len(linkable))
	why := make(map[uuid.UUID][]string, len(items))
	for _, i := range items {
		records, why[i.Record.ID] = append(records, i.Record), i.Why
	}
	offered := make(map[uuid.UUID]bool, len(linkable))
	for _, l := range linkable {
		offered[l.Record.ID] = true
		if why[l.Record.ID] == nil {
			records = append(records, l.Record)
		}
	}
	docs, err := c.documents(ctx, c.judge(records))
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if reasons := why[doc.ID]; reasons != nil {
			p.Items = append(p.Items, PanelItem{doc, reasons})
		}
		if offered[doc.ID] {
			p.Linkable = append(p.Linkable, doc)
		}
	}
	return nil
}
