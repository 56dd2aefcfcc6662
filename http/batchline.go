package http

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	nethttp "net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/contact"
	"github.com/kdesk/client-secrets/commands/ticket"
	"github.com/kdesk/client-secrets/domain"
)

// lineChange is what a line of a batch asks for.
type lineChange struct {
	kind, id string
	carryOut func(context.Context, commands.Request) (commands.Result, error)
}

// lineReader reads what a line has beside kind, op and id.
type lineReader func(s *Server, id string, rest []byte) (func(context.Context, commands.Request) (commands.Result, error), error)

// lineReaders are those of all kinds and ops.
var lineReaders = map[string]map[string]lineReader{
	"member": {
		"put": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, b MemberBody) (commands.Result, error) {
			return s.Members.Sync(ctx, req, b.profile(id))
		}),
		"patch": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, b MemberChange) (commands.Result, error) {
			return s.Members.Patch(ctx, req, id, b.change())
		}),
		"delete": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, _ struct{}) (commands.Result, error) {
			return s.Members.Remove(ctx, req, id)
		}),
	},
	"group": {
		"put": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, b GroupBody) (commands.Result, error) {
			return s.Groups.Sync(ctx, req, id, b.Name, b.Members)
		}),
		"delete": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, _ struct{}) (commands.Result, error) {
			return s.Groups.Remove(ctx, req, id)
		}),
	},
	"contact": {
		"put": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, b ContactBody) (commands.Result, error) {
			return s.Contacts.Sync(ctx, req, b.profile(id))
		}),
		"patch": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, b ContactChange) (commands.Result, error) {
			return s.Contacts.Patch(ctx, req, id, contact.Change(b))
		}),
		"delete": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, _ struct{}) (commands.Result, error) {
			return s.Contacts.Remove(ctx, req, id)
		}),
	},
	"ticket": {
		"put": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, b TicketBody) (commands.Result, error) {
			return s.Tickets.Sync(ctx, req, b.facts(id))
		}),
		"patch": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, b TicketChange) (commands.Result, error) {
			return s.Tickets.Patch(ctx, req, id, ticket.Change(b))
		}),
		"delete": withBody(func(ctx context.Context, s *Server, req commands.Request, id string, _ struct{}) (commands.Result, error) {
			return s.Tickets.Remove(ctx, req, id)
		}),
	},
}

var (
	errLineKind = domain.Refuse(domain.Invalid, "unknown_kind", "kind is member, group, contact or ticket").With("body.kind", "there is no such kind")
	errLineOp   = domain.Refuse(domain.Invalid, "unknown_op", "op is put, patch (not of groups) or delete").With("body.op", "there is no such op here")
	errLineID   = domain.Refuse(domain.Invalid, "invalid_id", "an id reads source:id and has 1 to 128 visible characters").With("body.id", "is no id")
)

// readLine reads a line, by the rules that the body of the same change by itself would be read.
func (s *Server) readLine(text []byte) (l lineChange, err error) {
	if err := checkJSON(text); err != nil {
		return l, err
	}
	var fields map[string]json.RawMessage
	var head struct{ kind, op, id string }
	if json.Unmarshal(text, &fields) != nil {
		return l, errMalformedJSON
	}
	for name, into := range map[string]*string{"kind": &head.kind, "op": &head.op, "id": &head.id} {
		if raw, given := fields[name]; given && json.Unmarshal(raw, into) != nil {
			return l, malformed("wrong_type", "expected string", "body."+name)
		}
		delete(fields, name)
	}
	if domain.CheckForeignID(head.id) != nil {
		return l, errLineID
	}
	l.kind, l.id = head.kind, head.id
	ops := lineReaders[head.kind]
	if ops == nil {
		return l, errLineKind
	}
	if head.op == "" {
		head.op = "put"
	}
	read := ops[head.op]
	if read == nil {
		return l, errLineOp
	}
	rest, err := json.Marshal(fields)
	if err != nil {
		return l, errMalformedJSON
	}
	l.carryOut, err = read(s, l.id, rest)
	return l, err
}

// withBody reads the rest of a line as a body, checked by its schema as huma checks those of requests.
func withBody[B any](run func(context.Context, *Server, commands.Request, string, B) (commands.Result, error)) lineReader {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	schema := registry.Schema(reflect.TypeFor[B](), false, "")
	known := takesJSON(registry, schema)
	return func(s *Server, id string, rest []byte) (func(context.Context, commands.Request) (commands.Result, error), error) {
		var loose any
		decoder := json.NewDecoder(bytes.NewReader(rest))
		if err := decoder.Decode(&loose); err != nil {
			return nil, errMalformedJSON
		}
		found := &huma.ValidateResult{}
		path := huma.NewPathBuffer([]byte("body"), len("body"))
		if huma.Validate(registry, schema, path, huma.ModeWriteToServer, loose, found); len(found.Errors) > 0 {
			return nil, invalidRequest(known, nethttp.StatusUnprocessableEntity, found.Errors)
		}
		var body B
		if err := json.Unmarshal(rest, &body); err != nil {
			return nil, errMalformedJSON
		}
		return func(ctx context.Context, req commands.Request) (commands.Result, error) {
			return run(ctx, s, req, id, body)
		}, nil
	}
}

// lineKey is the idempotency key of a line: of its batch's key, its number, and its content by keyed hash. So a line with
// another content is another command, and not taken for one that was carried out.
func (s *Server) lineKey(key string, number int, text []byte) string {
	mac := hmac.New(sha256.New, s.ServerKey)
	mac.Write([]byte("line\x00"))
	mac.Write(text)
	return key + "\x00" + strconv.Itoa(number) + "\x00" + string(mac.Sum(nil))
}

// trimmed returns a copy of a line without white space around it.
func trimmed(line []byte) []byte { return bytes.Clone(bytes.TrimSpace(line)) }
