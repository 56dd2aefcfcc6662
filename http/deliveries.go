package http

import (
	"context"
	nethttp "net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/source"
	delivered "github.com/kdesk/client-secrets/domain/source"
	"github.com/kdesk/client-secrets/domain/workspace"
)

const (
	receivedAtOnce = 128              // deliveries, of all workspaces; each holds its body in memory
	deliveryTime   = 10 * time.Second // for its body to arrive
	deliveryBytes  = 1 << 20
)

// DeliveryOutcome counts what became of a delivery's facts.
type DeliveryOutcome struct {
	Changed int `json:"changed" doc:"Facts that were new"`
	Ignored int `json:"ignored" doc:"Facts that are older than what is known"`
	Refused int `json:"refused" doc:"Facts that a rule stands against"`
}

// receive takes a webhook. Nobody signs in for it: its signature is all that speaks for it, and whatever is wrong with that
// is answered as if there were nothing here.
func (s *Server) receive(f *fiber.Ctx) error {
	if !s.Index.Ready() {
		return errStarting
	}
	conn := f.Context().Conn()
	_ = conn.SetReadDeadline(time.Now().Add(deliveryTime))
	if !s.receiving.enter(conn) {
		return unavailable("busy", "too many deliveries arrive at once; retrying is safe", nil)
	}
	defer s.receiving.leave()
	body, err := bodyOf(f).whole(f.Request().Header.ContentLength(), min(deliveryBytes, s.BodyLimit))
	s.receiving.arrived(conn)
	if err != nil {
		return err
	}
	ws, err := uuid.Parse(f.Params("workspace"))
	if err != nil {
		return source.ErrNotGenuine
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	name := workspace.Source(strings.Clone(f.Params("source")))
	correlation, _ := f.Locals(correlationKey{}).(uuid.UUID)
	out, err := s.Sources.Receive(ctx, ws, name, delivered.Delivery{Header: func(h string) string { return f.Get(h) }, Body: body}, correlation)
	if err != nil {
		return err
	}
	if s.KeyUse != nil {
		s.KeyUse.Note(ws, deliveryKey(ws, name), s.Now())
	}
	return f.JSON(DeliveryOutcome(out))
}

// fiberPath returns a path with parameters as fiber writes it.
func fiberPath(path string) string { return strings.NewReplacer("{", ":", "}", "").Replace(path) }

type deliveryInput struct {
	Named
	RawBody []byte `contentType:"application/json" doc:"As the helpdesk sends it, at most 1 MiB"`
}

// describeDelivery describes deliveries: they come in before anybody signs in.
func (s *Server) describeDelivery() {
	op := s.operation(route{method: nethttp.MethodPost, path: deliveryPath, id: "receive-delivery", tag: sourcesTag, summary: "Deliver a webhook",
		errors: []int{429}, status: nethttp.StatusOK})
	op.Security = []map[string][]string{}
	op.Description = "Needs the source's own signature; without it, the answer is that of something that does not exist."
	describeOnly[deliveryInput, DeliveryOutcome](s.api, op)
}
