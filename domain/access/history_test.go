package access_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	. "github.com/kdesk/client-secrets/domain/access"
	"github.com/kdesk/client-secrets/domain/contact"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/domain/workspace"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// id returns a fixed id for a name, so that failures repeat.
func id(name string) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)) }

// history records events as the log would and folds them.
type history struct {
	t     testing.TB
	x     *Index
	ws    uuid.UUID
	by    domain.Actor
	at    time.Time
	next  map[string]uint64 // revision, by stream
	log   []domain.Recorded
	cited map[string]domain.Evidence // by the name a test gave a fact
}

func newHistory(t testing.TB) *history {
	return &history{t: t, x: NewIndex(), ws: id("workspace"), at: noon, next: map[string]uint64{}, cited: map[string]domain.Evidence{}}
}

// stream returns where an event belongs; of is the aggregate's id where the event does not have it.
func (h *history) stream(of uuid.UUID, e domain.Event) string {
	directory := func(kind, id string) string { return domain.DirectoryStream(h.ws, kind, id) }
	if m, ok := MemberOf(e); ok {
		return directory(domain.MemberKind, m)
	}
	if m, ok := VerifiedMember(e); ok {
		return directory(domain.VerificationKind, m)
	}
	switch e := e.(type) {
	case workspace.Opened, workspace.SettingsChanged, workspace.APIKeyIssued, workspace.APIKeyRevoked:
		return domain.Stream(domain.WorkspaceKind, h.ws)
	case group.Synced:
		return directory(domain.GroupKind, e.ID)
	case group.Removed:
		return directory(domain.GroupKind, e.ID)
	case contact.Synced:
		return directory(domain.ContactKind, e.ID)
	case contact.Removed:
		return directory(domain.ContactKind, e.ID)
	case ticket.Synced:
		return directory(domain.TicketKind, e.ID)
	case ticket.Removed:
		return directory(domain.TicketKind, e.ID)
	case template.Created, template.Revised, template.Archived, template.Restored:
		return domain.Stream(domain.TemplateKind, of)
	case reveal.FieldRevealed, reveal.Denied, reveal.Withheld, reveal.LimitReached:
		return domain.Stream(domain.RevealsKind, h.ws)
	}
	return domain.Stream(domain.SecretKind, of)
}

// make returns an event as the log would record it next.
func (h *history) make(stream string, e domain.Event) domain.Recorded {
	n := h.next[stream]
	h.next[stream] = n + 1
	return domain.Recorded{
		ID: uuid.New(), Stream: stream, Revision: n, Position: uint64(10 * (len(h.log) + 1)), At: h.at,
		Meta: domain.Meta{Workspace: h.ws, Actor: h.by}, Event: e,
	}
}

func (h *history) record(of uuid.UUID, e domain.Event) domain.Evidence {
	r := h.make(h.stream(of, e), e)
	h.log = append(h.log, r)
	require.NoError(h.t, h.x.Apply(r))
	return domain.Evidence{Stream: r.Stream, Revision: r.Revision}
}

// say records events that name what they are about.
func (h *history) say(events ...domain.Event) (last domain.Evidence) {
	for _, e := range events {
		last = h.record(uuid.Nil, e)
	}
	return last
}

// the secret that most tests are about, and its template
var (
	theSecret   = id("secret")
	theTemplate = id("template")
)

// of records events of the secret.
func (h *history) of(events ...domain.Event) (last domain.Evidence) {
	for _, e := range events {
		last = h.record(theSecret, e)
	}
	return last
}

// cite remembers a fact by a name.
func (h *history) cite(name string, e domain.Evidence) { h.cited[name] = e }

func on[T any](v T) *T { return &v }

const (
	ann     = "desk:ann"  // views and reveals; nothing leads her in unless the test says so
	manager = "desk:max"  // manages secrets
	olga    = "desk:olga" // owns the workspace
)

func staff(id string) member.Synced { return member.Synced{ID: id, Incarnation: 1, Active: true} }

// usual is a workspace in which everything is on and the secret has a value.
func usual(t testing.TB) *history {
	h := newHistory(t)
	h.say(workspace.Opened{Owner: olga})
	h.cite("settings", h.say(workspace.SettingsChanged{Enabled: on(true)}))
	h.say(staff(olga))
	h.cite("ownership", h.say(member.OwnershipChanged{ID: olga, Owner: true}))
	h.cite("ann", h.say(staff(ann)))
	h.cite("permission", h.say(member.PermissionsChanged{ID: ann, Granted: []domain.Permission{domain.SecretsView, domain.SecretsReveal}}))
	h.say(staff(manager))
	h.say(member.PermissionsChanged{ID: manager, Granted: []domain.Permission{domain.SecretsView, domain.SecretsReveal}})
	h.cite("manage", h.say(member.PermissionsChanged{ID: manager, Granted: []domain.Permission{domain.SecretsManage}}))
	h.record(theTemplate, template.Created{Fields: []template.Field{{Key: "password"}, {Key: "note"}}})
	h.cite("created", h.of(secret.Created{Template: theTemplate, TemplateVersion: 1}))
	h.cite("value", h.of(secret.ValueSet{Field: "password", ValueVersion: 1}))
	return h
}

func (h *history) ask(action Action, who string) Request {
	return Request{
		Workspace: h.ws, Actor: domain.Actor{Kind: domain.Member, ID: who, Session: "session"}, Action: action,
		Secret: theSecret, Field: "password", At: h.at,
	}
}

// everyone assigns the secret to everyone.
var everyone = secret.AccessGranted{Kind: secret.ToEveryone, Target: secret.AllTarget}
