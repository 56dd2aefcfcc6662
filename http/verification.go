package http

import (
	"context"
	"errors"
	nethttp "net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/verification"
)

// CodeSent tells of a code that is on its way.
type CodeSent struct {
	ID        uuid.UUID `json:"id" doc:"To confirm it with"`
	SentTo    string    `json:"sent_to" doc:"The caller's own address, masked" example:"a•••@example.com"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Unlocked tells until when the caller's session may reveal.
type Unlocked struct {
	UnlockedUntil time.Time `json:"unlocked_until"`
}

type confirmInput struct {
	Workspace
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Code string `json:"code" maxLength:"32" doc:"The six digits of the mail"`
	}
}

const verificationTag = "Reveal"

// verificationRoutes registers the codes that unlock reveals.
func (s *Server) verificationRoutes() {
	perform(s, route{method: nethttp.MethodPost, path: inWorkspace + "/reveal-verifications", id: "request-reveal-verification", tag: verificationTag,
		summary: "Have a code sent to the caller's own address", needs: "secrets.reveal", errors: []int{429}, status: nethttp.StatusAccepted}, s.requestCode)
	perform(s, route{method: nethttp.MethodPost, path: inWorkspace + "/reveal-verifications/{id}/confirm", id: "confirm-reveal-verification",
		tag: verificationTag, summary: "Unlock reveals for the caller's session with the code", needs: "secrets.reveal", errors: []int{429}}, s.confirmCode)
	change(s, route{method: nethttp.MethodDelete, path: inWorkspace + "/reveal-verification", id: "lock-reveals", tag: verificationTag,
		summary: "Lock the caller's session again", needs: "secrets.reveal"}, s.lockReveals)
}

// perform registers a route whose answer is of its own kind and not remembered: a repetition is carried out again, and finds
// in the log what it did.
func perform[I, O any](s *Server, r route, run func(context.Context, *call, *I) (O, commands.Result, error)) {
	type output struct {
		Position string `header:"X-Log-Position" doc:"Opaque: its place in the log"`
		Body     O
	}
	op := s.operation(r)
	op.Parameters = append(op.Parameters, headerParam(headerIdempotency, "Makes a repetition safe: 1 to 200 visible characters"))
	op.DefaultStatus = r.status
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*output, error) {
		c := callOf(ctx)
		body, result, err := run(ctx, c, in)
		if err != nil {
			return nil, problemOf(err)
		}
		position := max(uint64(result.Position), c.server.written.of(c))
		s.written.note(c, position)
		return &output{s.positions.token(position), body}, nil
	})
}

func (s *Server) requestCode(ctx context.Context, c *call, _ *Workspace) (CodeSent, commands.Result, error) {
	made, err := s.Verifications.Request(ctx, c.request())
	return CodeSent{made.Challenge, made.SentTo, made.ExpiresAt}, made.Result, err
}

func (s *Server) confirmCode(ctx context.Context, c *call, in *confirmInput) (u Unlocked, r commands.Result, err error) {
	id, err := parseUUID(in.ID, "path.id")
	if err != nil {
		return u, r, err
	}
	code, err := verification.ParseCode(in.Body.Code)
	if err != nil {
		return u, r, err
	}
	done, err := s.Verifications.Confirm(ctx, c.request(), id, code)
	var wrong *verification.WrongCode
	if errors.As(err, &wrong) {
		p := problemOf(err)
		p.AttemptsLeft = &wrong.TriesLeft
		return u, r, p
	}
	return Unlocked{done.Until}, done.Result, err
}

func (s *Server) lockReveals(ctx context.Context, c *call, _ *Workspace) (changed, error) {
	r, err := s.Verifications.Lock(ctx, c.request())
	return changedTo(c.actor.ID, r), err
}
