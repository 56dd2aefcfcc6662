package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	nethttp "net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
)

// RevealRequest is a wish to see a value.
type RevealRequest struct {
	Reason         string `json:"reason,omitempty" maxLength:"1000" doc:"Why; recorded"`
	TicketID       string `json:"ticket_id,omitempty" doc:"The ticket that is being worked on; recorded if it is one of the workspace"`
	ConfirmExpired bool   `json:"confirm_expired,omitempty" doc:"That the value of an expired secret is wanted all the same"`
	ValueVersion   int    `json:"value_version,omitempty" minimum:"0" doc:"0, or none, is the current one"`
}

// Revealed is a value with the receipt of its record.
type Revealed struct {
	Value              string  `json:"value"`
	ValueVersion       int     `json:"value_version"`
	RemaskAfterSeconds int     `json:"remask_after_seconds"`
	Receipt            Receipt `json:"receipt"`
}

// Receipt is the proof of a recorded reveal.
type Receipt struct {
	EventID  uuid.UUID          `json:"event_id"`
	Stream   string             `json:"stream"`
	Revision uint64             `json:"revision"`
	At       time.Time          `json:"at"`
	Member   string             `json:"member"`
	Decision domain.Explanation `json:"decision"`
	Flags    []string           `json:"flags" nullable:"false"`
}

// Verification tells how the caller's session stands.
type Verification struct {
	Required      bool       `json:"required"`
	UnlockedUntil *time.Time `json:"unlocked_until"`
}

// revealInput names what is to leave: a value or a file.
type revealInput struct {
	Workspace
	ID   string `path:"id" format:"uuid"`
	Key  string `path:"key" doc:"The field's key"`
	Body *RevealRequest
}

// revealRoutes registers the routes of reveals. The reveal itself is described here and served by a handler of its own:
// its value must not rest in anything that is not cleared.
func (s *Server) revealRoutes() {
	op := s.operation(route{method: nethttp.MethodPost, path: inWorkspace + "/secrets/{id}/fields/{key}/reveal", id: "reveal-field",
		tag: "Reveal", summary: "Reveal a value, on record", needs: "secrets.reveal", errors: []int{428, 429}})
	op.Parameters = append(op.Parameters, headerParam(headerIdempotency, "A repetition is recorded anew, as one"))
	describeOnly[revealInput, Revealed](s.api, op)
	s.app.Post("/v1/workspaces/:workspace/secrets/:id/fields/:key/reveal", s.reveal)
	read(s, route{method: nethttp.MethodGet, path: inWorkspace + "/reveal-verification", id: "get-reveal-verification", tag: "Reveal",
		summary: "Whether the caller's session is unlocked", needs: "secrets.reveal"}, s.verification)
}

// describeOnly puts an operation into the OpenAPI description without serving it.
func describeOnly[I, O any](api huma.API, op huma.Operation) {
	silent := huma.NewAPI(huma.Config{OpenAPI: api.OpenAPI(), Formats: map[string]huma.Format{"application/json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json"}, noAdapter{})
	huma.Register(silent, op, func(context.Context, *I) (*readOutput[O], error) { return nil, errors.New("not served here") })
}

// noAdapter serves nothing.
type noAdapter struct{}

// Handle does nothing.
func (noAdapter) Handle(*huma.Operation, func(huma.Context)) {}

// ServeHTTP does nothing.
func (noAdapter) ServeHTTP(nethttp.ResponseWriter, *nethttp.Request) {}

func (s *Server) reveal(f *fiber.Ctx) error {
	c, _ := f.Locals(callKey{}).(*call)
	ask, err := askOf(f, c.body)
	if err != nil {
		return err
	}
	ask.RetryOf = c.firstReveal
	out, err := s.Gate.Reveal(f.UserContext(), c.request(), ask)
	if err != nil {
		return err
	}
	defer out.Value.Clear()
	c.answer = &answer{Reveal: out.Receipt.EventID}
	f.Set(headerPosition, s.positions.token(out.Receipt.Position))
	f.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	body := encodeRevealed(out)
	f.Response().SetBodyStream(&wiped{bytes.NewReader(body), body}, len(body))
	return nil
}

// wiped is a body that is overwritten once it is sent.
type wiped struct {
	*bytes.Reader
	body []byte
}

// Close overwrites the body.
func (w *wiped) Close() error {
	clear(w.body)
	return nil
}

// askOf reads what is to be revealed.
func askOf(f *fiber.Ctx, raw []byte) (ask reveal.Ask, err error) {
	if ask.Secret, err = parseUUID(f.Params("id"), "path.id"); err != nil {
		return ask, err
	}
	ask.Field = utils.CopyString(f.Params("key"))
	if len(ask.Field) > 63 || !utf8.ValidString(ask.Field) {
		return ask, malformed("malformed_id", "is no field key", "path.key")
	}
	if len(raw) == 0 {
		return ask, nil
	}
	body, err := decodeReveal(raw)
	if err != nil {
		return ask, err
	}
	ask.Reason, ask.Ticket, ask.ConfirmExpired, ask.ValueVersion = body.Reason, body.TicketID, body.ConfirmExpired, body.ValueVersion
	return ask, nil
}

// decodeReveal reads a body that checkJSON has passed.
func decodeReveal(raw []byte) (r RevealRequest, err error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return r, malformed("wrong_type", "expected object", "body")
	}
	for name, value := range members {
		var into any
		expected := "expected string"
		switch name {
		case "reason":
			into = &r.Reason
		case "ticket_id":
			into = &r.TicketID
		case "confirm_expired":
			into, expected = &r.ConfirmExpired, "expected boolean"
		case "value_version":
			into, expected = &r.ValueVersion, "expected integer"
		default:
			return r, domain.Refuse(domain.Invalid, "unknown_field", "there is no such field").With("body", "there is no such field")
		}
		if string(value) == "null" || json.Unmarshal(value, into) != nil {
			return r, malformed("wrong_type", expected, "body."+name)
		}
	}
	if r.ValueVersion < 0 {
		return r, domain.Refuse(domain.Invalid, "invalid", "expected number >= 0").With("body.value_version", "expected number >= 0")
	}
	return r, nil
}

// encodeRevealed returns the answer in JSON. The value is escaped straight from the bytes that its owner clears.
func encodeRevealed(out reveal.Revealed) []byte {
	receipt := appendReceipt(make([]byte, 0, 1<<10), receiptOf(out.Receipt))
	b := make([]byte, 0, len(receipt)+6*len(out.Value)+96) // never grows: a copy left behind would not be cleared
	b = append(b, `{"value":`...)
	b = appendText(b, out.Value)
	b = append(b, `,"value_version":`...)
	b = strconv.AppendInt(b, int64(out.ValueVersion), 10)
	b = append(b, `,"remask_after_seconds":`...)
	b = strconv.AppendInt(b, int64(out.RemaskAfter/time.Second), 10)
	b = append(b, `,"receipt":`...)
	b = append(b, receipt...)
	return append(b, '}')
}

// appendReceipt appends a receipt as encoding/json writes it: by reflection it would cost as much as deciding the reveal.
func appendReceipt(b []byte, r Receipt) []byte {
	b = domain.AppendID(append(b, `{"event_id":`...), r.EventID)
	b = domain.AppendText(append(b, `,"stream":`...), r.Stream)
	b = strconv.AppendUint(append(b, `,"revision":`...), r.Revision, 10)
	b = r.At.AppendFormat(append(b, `,"at":"`...), time.RFC3339Nano)
	b = domain.AppendText(append(b, `","member":`...), r.Member)
	b = r.Decision.AppendJSON(append(b, `,"decision":`...))
	b = domain.AppendTexts(append(b, `,"flags":`...), r.Flags)
	return append(b, '}')
}

func receiptOf(r reveal.Receipt) Receipt {
	return Receipt{r.EventID, r.Stream, r.Revision, r.At, r.Member, domain.Explanation(r.Decision), orNone(r.Flags)}
}

const hexDigits = "0123456789abcdef"

// appendText appends UTF-8 text as a JSON string: at most six bytes for each of its own, and two quotes.
func appendText(b, text []byte) []byte {
	b = append(b, '"')
	for _, ch := range text {
		switch {
		case ch == '"' || ch == '\\':
			b = append(b, '\\', ch)
		case ch == '\n':
			b = append(b, '\\', 'n')
		case ch < ' ' || ch == 0x7f || ch == '<' || ch == '>' || ch == '&':
			b = append(b, '\\', 'u', '0', '0', hexDigits[ch>>4], hexDigits[ch&15])
		default:
			b = append(b, ch)
		}
	}
	return append(b, '"')
}

func (s *Server) verification(_ context.Context, c *call, _ *Workspace) (v Verification, _ *uint64, err error) {
	if err := c.require(domain.SecretsReveal); err != nil {
		return v, nil, err
	}
	return c.verification(), nil, nil
}

// verification tells how the caller's session stands.
func (c *call) verification() (v Verification) {
	c.view(func(x *access.Index) {
		settings, _ := x.Settings(c.workspace)
		v.Required = settings.RevealVerification.Required
		if v.Required {
			v.UnlockedUntil = x.UnlockedUntil(c.workspace, c.actor, c.server.Now())
		}
	})
	return v
}
