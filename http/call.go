package http

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/http/auth"
)

const (
	headerRequestID   = "X-Request-Id"
	headerPosition    = "X-Log-Position"
	headerMinPosition = "X-Min-Position"
	headerIdempotency = "Idempotency-Key"

	maxKey      = 200
	minWaitTime = 5 * time.Second
)

var errStarting = domain.Refuse(domain.Unavailable, "starting", "the server has not caught up with the log yet; retrying is safe")

var errBehind = domain.Refuse(domain.Unavailable, "read_model_behind", "the position that was asked for is not there yet; retrying is safe")

// call is one request after it was admitted: who asks, where, and how.
type call struct {
	server      *Server
	correlation uuid.UUID
	principal   auth.Principal
	workspace   uuid.UUID // Nil outside of workspaces
	actor       domain.Actor
	key         string  // idempotency key; empty for none
	ifMatch     *uint64 // nil for any
	minimum     uint64  // position that a read waits for; 0 for none
	body        []byte  // of a change; it was checked to be JSON
	list        string  // names the list and its filters, for cursors

	firstReveal uuid.UUID // of a repeated reveal: the event of the first
	answer      *answer   // of a change, to be remembered
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// request is how commands see the call.
func (c *call) request() commands.Request {
	return commands.Request{
		Workspace: c.workspace, Actor: c.actor, Key: c.key, Correlation: c.correlation, IfMatch: c.ifMatch,
	}
}

// view calls see with the facts as they stand.
func (c *call) view(see func(*access.Index)) {
	c.server.Index.View(func(f live.Facts) { see(f.Access) })
}

// permissions returns what the caller may do here.
func (c *call) permissions() (set access.PermissionSet) {
	c.view(func(x *access.Index) { set, _ = x.Permissions(c.workspace, c.actor, c.server.Now()) })
	return set
}

// require refuses a caller who has none of these permissions.
func (c *call) require(any ...domain.Permission) error {
	if held := c.permissions(); held&access.NewPermissionSet(any...) == 0 {
		return commands.ErrForbidden
	}
	return nil
}

// admit reads what a request says about itself and finds out who sends it.
func (s *Server) admit(f *fiber.Ctx, correlation uuid.UUID) (*call, error) {
	if !s.Index.Ready() {
		return nil, errStarting
	}
	c := &call{server: s, correlation: correlation}
	var err error
	if c.principal, err = s.Authenticator.Authenticate(f.UserContext(), f.Get(fiber.HeaderAuthorization)); err != nil {
		return nil, err
	}
	if err := c.enter(f.Path()); err != nil {
		return nil, err
	}
	return c, c.readHeaders(f)
}

// enter finds the workspace of a path and who the caller is in it.
func (c *call) enter(path string) error {
	rest, inside := strings.CutPrefix(path, workspacesPath+"/")
	if !inside {
		return c.enterNone()
	}
	id, _, _ := strings.Cut(rest, "/")
	ws, err := parseUUID(id, "path.workspace")
	if err != nil {
		return err
	}
	c.workspace = ws
	c.view(func(x *access.Index) { c.actor, err = c.actorIn(x) })
	return err
}

// enterNone admits people outside of any workspace. A service account belongs to one.
func (c *call) enterNone() error {
	if c.principal.KeyHash != nil {
		return auth.ErrInvalidToken
	}
	return nil
}

// actorIn returns who the caller is in the workspace. Whoever is nobody there does not learn that it exists; a key that is
// not known anywhere is no valid token.
func (c *call) actorIn(x *access.Index) (domain.Actor, error) {
	p := &c.principal
	if p.KeyHash != nil {
		ws, key, expires, ok := x.ServiceAccount(p.KeyHash)
		if !ok || expires != nil && !c.server.Now().Before(*expires) {
			return domain.Actor{}, auth.ErrInvalidToken
		}
		if ws != c.workspace {
			return domain.Actor{}, commands.ErrNoWorkspace
		}
		if c.server.KeyUse != nil {
			c.server.KeyUse.Note(ws, key, c.server.Now())
		}
		return domain.Actor{Kind: domain.Service, ID: key.String()}, nil
	}
	for _, m := range x.Memberships(p.SubjectHash) {
		if m.Workspace == c.workspace && m.Active {
			return domain.Actor{Kind: domain.Member, ID: m.Member, Session: p.Session}, nil
		}
	}
	return domain.Actor{}, commands.ErrNoWorkspace
}

func (c *call) readHeaders(f *fiber.Ctx) error {
	if f.Method() == fiber.MethodGet {
		return c.readList(f)
	}
	key, err := header(f, headerIdempotency, errIdempotencyKey)
	if err != nil {
		return err
	}
	if c.key, err = idempotencyKey(key); err != nil {
		return err
	}
	revision, err := header(f, fiber.HeaderIfMatch, errIfMatch)
	if err != nil {
		return err
	}
	c.ifMatch, err = revisionOf(revision)
	return err
}

// readList reads what says which list is asked for, and how current it must be.
func (c *call) readList(f *fiber.Ctx) error {
	filters, err := filters(string(f.Request().URI().QueryString()))
	if err != nil {
		return err
	}
	c.list = f.Path() + "?" + filters
	token, err := header(f, headerMinPosition, errPosition)
	if err == nil && token != "" {
		c.minimum, err = c.server.positions.parse(token)
	}
	return err
}

// header returns a header that may be missing; otherwise if it is empty or repeated: what the sender meant by it is not known.
func header(f *fiber.Ctx, name string, otherwise error) (string, error) {
	switch values := f.Request().Header.PeekAll(name); {
	case len(values) == 0:
		return "", nil
	case len(values) > 1 || len(values[0]) == 0:
		return "", otherwise
	default:
		return string(values[0]), nil
	}
}

func idempotencyKey(key string) (string, error) {
	if len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errIdempotencyKey
	}
	return key, nil
}

var errIdempotencyKey = malformed("malformed_idempotency_key", "has 1 to 200 visible ASCII characters", "header.idempotency_key")

var errIfMatch = malformed("malformed_if_match", "is a revision in quotes as ETag gave it, or *", "header.if_match")

// revisionOf reads If-Match; nil for any revision.
func revisionOf(header string) (*uint64, error) {
	if header == "" || header == "*" {
		return nil, nil
	}
	if len(header) < 3 || header[0] != '"' || header[len(header)-1] != '"' {
		return nil, errIfMatch
	}
	digits := header[1 : len(header)-1]
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != digits {
		return nil, errIfMatch
	}
	return &n, nil
}

func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// filters returns a query without what says which page it asks for. A parameter that is there twice is refused: only one of
// the two would count.
func filters(query string) (string, error) {
	if query == "" {
		return "", nil
	}
	values, _ := url.ParseQuery(query)
	for _, each := range values {
		if len(each) > 1 {
			return "", malformed("invalid_parameter", "a parameter is there more than once", "query")
		}
	}
	values.Del("limit")
	values.Del("cursor")
	return values.Encode(), nil
}

// await waits until the index and the read models have the position that the caller asked for, and that of the caller's
// own latest change, and returns the one that the answer will be current as of.
func (c *call) await(ctx context.Context, models ...string) (uint64, error) {
	s := c.server
	if c.minimum > 0 {
		if err := c.reach(ctx, minWaitTime, c.minimum, models); err != nil {
			return 0, errBehind
		}
	}
	if own := s.written.of(c); own > c.minimum {
		_ = c.reach(ctx, ownWriteWait, own, models) // nobody asked for it: an older answer is better than none
	}
	current := uint64(s.Index.Applied())
	for _, model := range models {
		current = min(current, uint64(s.Freshness.Applied(model)))
	}
	return current, nil
}

// awaitNow is await for answers that must be complete: they hold all that was recorded before they were asked for.
func (c *call) awaitNow(ctx context.Context, models ...string) (uint64, error) {
	c.minimum = max(c.minimum, uint64(c.server.Index.Applied()))
	return c.await(ctx, models...)
}

// reach waits until the index and the read models have a position.
func (c *call) reach(ctx context.Context, atMost time.Duration, position uint64, models []string) error {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	err := reach(ctx, c.server.Index.Wait, position)
	for _, model := range models {
		err = errors.Join(err, reachModel(ctx, c.server.Freshness.Wait, model, position))
	}
	return err
}

// parseUUID reads an id of ours as it is written: 36 characters.
func parseUUID(text, location string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return uuid.Nil, malformed("malformed_id", "is no UUID", location)
	}
	return id, nil
}

// foreignID reads the id of a directory thing from a path or a query.
func foreignID(raw, location string) (string, error) {
	id, err := url.PathUnescape(raw)
	if err != nil || domain.CheckForeignID(id) != nil {
		return "", malformed("malformed_id", "reads source:id and has 1 to 128 visible characters", location)
	}
	return utils.CopyString(id), nil
}
