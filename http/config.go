package http

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/contact"
	"github.com/kdesk/client-secrets/commands/group"
	"github.com/kdesk/client-secrets/commands/imports"
	"github.com/kdesk/client-secrets/commands/invitation"
	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/commands/secret"
	"github.com/kdesk/client-secrets/commands/source"
	"github.com/kdesk/client-secrets/commands/template"
	"github.com/kdesk/client-secrets/commands/ticket"
	"github.com/kdesk/client-secrets/commands/upload"
	"github.com/kdesk/client-secrets/commands/verification"
	"github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/http/auth"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
	"github.com/kdesk/client-secrets/projections/reveals"
	"github.com/kdesk/client-secrets/projections/secrets"
	"github.com/kdesk/client-secrets/projections/templates"
	"github.com/kdesk/client-secrets/projections/ticketpanel"
)

const (
	defaultBodyLimit       = 1 << 20
	defaultImportLimit     = 20 << 20
	defaultShutdownTimeout = 15 * time.Second
)

// Config is what the server is made of. All fields are required unless they say otherwise.
type Config struct {
	// The commands.
	Workspaces workspace.Commands
	Members    member.Commands
	Groups     group.Commands
	Contacts   contact.Commands
	Tickets    ticket.Commands
	Templates  template.Commands
	Secrets    secret.Commands
	Sources    source.Commands
	Uploads    upload.Commands
	Gate       *reveal.Gate
	Imports    *imports.Commands

	Verifications verification.Commands
	Invitations   invitation.Commands

	// Index decides what each caller sees. Until it is ready, every request is answered with 503.
	Index *live.Index

	// The queries. Freshness tells how far their read models are.
	Directory       *directory.Queries
	TemplateQueries *templates.Queries
	SecretQueries   *secrets.Queries
	Panels          *ticketpanel.Queries
	Reveals         *reveals.Queries
	Freshness       projections.Freshness

	// Idempotency remembers the answers of changes that had an Idempotency-Key.
	Idempotency IdempotencyStore

	// KeyUse keeps when API keys were last used, and sources last delivered something. nil keeps nothing.
	KeyUse KeyUse

	// Authenticator finds out who is calling; Hasher hashes identities as the log has them.
	Authenticator *auth.Authenticator
	Hasher        commands.Hasher

	// WorkspaceIssuers are the issuers whose people may open workspaces by themselves. None by default.
	WorkspaceIssuers []string

	// LogID names the event log that positions belong to: the same on every instance, another for another log.
	LogID string

	// ServerKey keys the hashes of requests and cursors: 32 bytes, the same on every instance.
	ServerKey []byte

	// Checks are what /readyz looks at beside the index and the issuer, which it always does. None by default.
	Checks []Check

	// Notices are what operators must know although the server is ready: stable names that give nothing away, since
	// /readyz is open. nil is none.
	Notices func() []string

	// Collectors are metrics beside the server's own. None by default.
	Collectors []prometheus.Collector

	// Inbox lists the mails of development, newest first, for the page /dev/inbox. nil, as in production: there is no such
	// page.
	Inbox func() []InboxMail

	// Logger gets failures, with the correlation id of their request. nil is slog's default.
	Logger *slog.Logger

	// Now tells the time. nil is the system's clock.
	Now func() time.Time

	// BodyLimit is the most bytes that a request's body may have; 0 is 1 MiB.
	BodyLimit int

	// ImportLimit is the most bytes that a file to import may have; 0 is 20 MiB. It is held in memory, one at a time.
	ImportLimit int

	// ShutdownTimeout bounds how long requests under way may take when the server stops; 0 is 15 s.
	ShutdownTimeout time.Duration
}

// Check is one thing that must work for the server to be ready.
type Check struct {
	Name  string // as /readyz names it
	Ready func(ctx context.Context) error
}

func (c Config) withDefaults() (Config, error) {
	for name, missing := range map[string]bool{
		"Workspaces": c.Workspaces.Run == nil, "Members": c.Members.Run == nil, "Groups": c.Groups.Run == nil,
		"Contacts": c.Contacts.Run == nil, "Tickets": c.Tickets.Run == nil, "Templates": c.Templates.Run == nil,
		"Uploads": c.Uploads.Run == nil,
		"Secrets": c.Secrets.Run == nil, "Sources": c.Sources.Run == nil, "Gate": c.Gate == nil, "Imports": c.Imports == nil, "Verifications": c.Verifications.Run == nil || c.Verifications.Codes == nil,
		"Invitations": c.Invitations.Members.Run == nil || c.Invitations.Tokens == nil, "Index": c.Index == nil, "Directory": c.Directory == nil,
		"TemplateQueries": c.TemplateQueries == nil, "SecretQueries": c.SecretQueries == nil, "Panels": c.Panels == nil,
		"Reveals": c.Reveals == nil, "Freshness": c.Freshness == nil, "Idempotency": c.Idempotency == nil,
		"Authenticator": c.Authenticator == nil, "Hasher": len(c.Hasher.Key) == 0, "LogID": c.LogID == "",
	} {
		if missing {
			return c, fmt.Errorf("http: %s is missing from the configuration", name)
		}
	}
	if len(c.ServerKey) < 32 {
		return c, errors.New("http: ServerKey has fewer than 32 bytes")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = func() time.Time { return time.Now().UTC() }
	}
	if c.BodyLimit == 0 {
		c.BodyLimit = defaultBodyLimit
	}
	if c.ImportLimit == 0 {
		c.ImportLimit = defaultImportLimit
	}
	if c.ShutdownTimeout == 0 {
		c.ShutdownTimeout = defaultShutdownTimeout
	}
	return c, nil
}
