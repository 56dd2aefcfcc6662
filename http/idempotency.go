package http

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	nethttp "net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// IdempotencyStore remembers what requests with an Idempotency-Key were answered. A key is that of one principal in one
// workspace, uuid.Nil outside of workspaces. hash tells requests apart. An answer is JSON of ids, revisions and the like:
// never a value nor the body of a request.
type IdempotencyStore interface {
	// Begin notes that a request is being carried out. It tells whether another request had the key before, and the
	// answer that this one had; nil if it has none yet.
	Begin(ctx context.Context, workspace uuid.UUID, principal, key string, hash [32]byte) (reused bool, answer []byte, err error)
	// Finish notes the answer.
	Finish(ctx context.Context, workspace uuid.UUID, principal, key string, hash [32]byte, answer []byte) error
	// Abandon forgets a request that was refused, unless it has an answer.
	Abandon(ctx context.Context, workspace uuid.UUID, principal, key string, hash [32]byte) error
}

// answer is all that is remembered of one.
type answer struct {
	Status   int       `json:"status"`
	ID       string    `json:"id,omitempty"`
	Revision uint64    `json:"revision,omitempty"`
	Position uint64    `json:"position,omitempty"`
	Location string    `json:"location,omitempty"`
	Reveal   uuid.UUID `json:"reveal,omitzero"` // of reveals: the first one's event; the rest is empty then

	Upload *Upload `json:"upload,omitempty"` // of uploads; the rest is empty then

	ShownOnce bool `json:"shown_once,omitempty"` // it held what is not shown twice
}

var errKeyReused = domain.Refuse(domain.Conflict, "idempotency_key_reused", "this Idempotency-Key was used with another request")

// once has do carry out a change, unless the same request was answered before: then that answer is given again. A reveal is
// carried out anew, as a repetition of the first. hashOf is asked only if there is a key.
func (s *Server) once(f *fiber.Ctx, c *call, hashOf func() [32]byte, do func() error) error {
	if c.key == "" {
		return do()
	}
	ctx, principal, hash := f.UserContext(), c.principalKey(), hashOf()
	reused, stored, err := s.Idempotency.Begin(ctx, c.workspace, principal, c.key, hash)
	switch {
	case err != nil:
		return unavailable("database_unavailable", "the database cannot be reached; retrying is safe", err)
	case reused:
		return errKeyReused
	case stored != nil:
		var first answer
		if err := json.Unmarshal(stored, &first); err != nil {
			return fmt.Errorf("reading a remembered answer: %w", err)
		}
		if first.ShownOnce {
			return workspace.ErrAPIKeyExists
		}
		if first.Reveal == uuid.Nil {
			return s.repeat(f, first)
		}
		c.firstReveal = first.Reveal
		return do()
	}
	err = s.guarded(do)
	s.conclude(ctx, c, principal, hash, statusOf(f, err))
	return err
}

// conclude remembers how a request ended. A crash before it leaves a key without an answer, as does an unclear failure: the
// request is then carried out again, and the log recognises a change that it has already.
func (s *Server) conclude(ctx context.Context, c *call, principal string, hash [32]byte, status int) {
	ctx = context.WithoutCancel(ctx)
	var err error
	switch {
	case c.answer != nil:
		c.answer.Status = status
		var stored []byte
		if stored, err = json.Marshal(c.answer); err == nil {
			err = s.Idempotency.Finish(ctx, c.workspace, principal, c.key, hash, stored)
		}
	case status >= nethttp.StatusBadRequest && status < nethttp.StatusInternalServerError:
		err = s.Idempotency.Abandon(ctx, c.workspace, principal, c.key, hash)
	}
	if err != nil {
		s.Logger.WarnContext(ctx, "an idempotency key was not concluded", "request", c.correlation, "err", err)
	}
}

func statusOf(f *fiber.Ctx, err error) int {
	if err != nil {
		return problemOf(err).Status
	}
	return f.Response().StatusCode()
}

// principalKey names the caller for the store.
func (c *call) principalKey() string {
	if c.workspace == uuid.Nil {
		return "subject:" + hexOf(c.principal.SubjectHash)
	}
	return string(c.actor.Kind) + ":" + c.actor.ID
}

// requestHash returns the keyed hash of what a request asks for. Keyed, since bodies hold values: a plain hash of one could
// be guessed.
func (s *Server) requestHash(f *fiber.Ctx, body []byte) (sum [32]byte) {
	mac := s.requestMAC(f)
	mac.Write(body)
	mac.Sum(sum[:0])
	return sum
}

// requestMAC is the beginning of that: the body is still to come.
func (s *Server) requestMAC(f *fiber.Ctx) hash.Hash {
	mac := hmac.New(sha256.New, s.ServerKey)
	mac.Write([]byte("request\x00" + f.Method() + "\x00" + f.OriginalURL() + "\x00"))
	return mac
}

// repeat gives an answer again.
func (s *Server) repeat(f *fiber.Ctx, a answer) error {
	if a.Upload != nil {
		return f.Status(a.Status).JSON(a.Upload)
	}
	f.Set(fiber.HeaderETag, etag(a.Revision))
	f.Set(headerPosition, s.positions.token(a.Position))
	if a.Location != "" {
		f.Set(fiber.HeaderLocation, a.Location)
	}
	f.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return json.NewEncoder(f.Status(a.Status)).Encode(ChangeBody{a.ID, a.Revision})
}
