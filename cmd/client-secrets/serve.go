package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/http"
	"github.com/kdesk/client-secrets/http/auth"
	"github.com/kdesk/client-secrets/platform/clamd"
	"github.com/kdesk/client-secrets/platform/oidc"
	"github.com/kdesk/client-secrets/projections/directory"
	"github.com/kdesk/client-secrets/projections/reveals"
	secretlist "github.com/kdesk/client-secrets/projections/secrets"
	templatelist "github.com/kdesk/client-secrets/projections/templates"
	"github.com/kdesk/client-secrets/projections/ticketpanel"
)

func newServe() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve the API",
		Long: withSettings("Serve the API until interrupted.\n\nWith --dev everything it needs runs on this machine, in DATA_DIR, and a small demo\n" +
			"workspace is made. Without it nothing falls back: a setting that is missing is an error."),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, logger, err := settings(cmd)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, logger, cmd.OutOrStdout())
		},
	}
}

// serve runs the product until ctx ends, and ends everything it started.
func serve(ctx context.Context, c config, logger *slog.Logger, out io.Writer) (err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening on LISTEN: %w", err)
	}
	defer listener.Close()
	b, err := openBackends(ctx, c, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	p, err := assemble(ctx, b, logger)
	if err != nil {
		return err
	}
	var provider *oidc.Provider
	if c.dev {
		if provider, err = startProvider(ctx, c, logger); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, provider.Close()) }()
		c.OIDCIssuer = provider.Issuer()
	}
	mails, err := openPost(c, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mails.close()) }()
	p.commands.verifications.Mails, p.commands.invitations.Mails = mails.sender != nil, mails.sender != nil
	if err := p.prepareUploads(c); err != nil {
		return err
	}
	server, err := newServer(ctx, c, p, mails, logger)
	if err != nil {
		return err
	}
	react, err := p.newReactions(logger, mails.reactions(p.commands, logger)...)
	if err != nil {
		return err
	}
	g := p.readLog()
	g.add("the reactions", react.Run)
	g.add("the embedded event log", p.watchLog)
	g.add("the alarm of the event log", func(ctx context.Context) error { return p.alarm.watch(ctx, p.log) })
	if p.database != nil {
		g.add("the embedded database", p.database.keep)
	}
	g.add("the projections", func(ctx context.Context) error { return p.runner.Run(ctx, p.subscriber) })
	g.add("the API", func(ctx context.Context) error { return server.Serve(ctx, listener) })
	g.add("forgetting old answers", p.answers.Sweep)
	g.add("noting the use of API keys", p.keyUse.Run)
	g.add("sweeping uploads", p.commands.uploads.Sweep)
	if c.dev {
		g.add("the demo workspace", func(ctx context.Context) error {
			return p.presentDemo(ctx, c, provider, "http://"+listener.Addr().String(), out)
		})
	}
	return g.run(ctx)
}

// newServer puts the API on top of the product.
func newServer(ctx context.Context, c config, p *product, mails *post, logger *slog.Logger) (*http.Server, error) {
	key, err := p.vault.ServerKey(ctx, "requests")
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(auth.Config{
		Issuer: c.OIDCIssuer, Audience: c.OIDCAudience, Algorithms: c.OIDCAlgorithms, AcceptJWT: c.OIDCAcceptJWT, Hasher: p.hasher,
	})
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(append([]byte("log id"), key...))
	return http.New(http.Config{
		Workspaces: p.commands.workspaces, Members: p.commands.members, Groups: p.commands.groups, Contacts: p.commands.contacts,
		Tickets: p.commands.tickets, Templates: p.commands.templates, Secrets: p.commands.secrets, Sources: p.commands.sources,
		Gate: p.gate, Imports: p.commands.imports, ImportLimit: c.ImportLimit, Index: p.index,
		Verifications: p.commands.verifications, Invitations: p.commands.invitations, Inbox: mails.shown(),
		Uploads:   p.commands.uploads,
		Directory: directory.New(p.pool), TemplateQueries: templatelist.New(p.pool), SecretQueries: secretlist.New(p.pool),
		Panels: ticketpanel.New(p.pool), Reveals: reveals.New(p.pool), Freshness: p.runner,
		Idempotency: p.answers, KeyUse: p.keyUse, Authenticator: authenticator, Hasher: p.hasher, WorkspaceIssuers: c.workspaceIssuers(),
		LogID: hex.EncodeToString(id[:16]), ServerKey: key, Checks: p.checks(), Notices: p.alarm.notices,
		Collectors: []prometheus.Collector{p.alarm.counts}, Logger: logger, ShutdownTimeout: c.ShutdownTimeout,
	})
}

// prepareUploads sets how large files may be and what scans them.
func (p *product) prepareUploads(c config) error {
	p.commands.uploads.Limit = c.FileLimit
	if c.ClamdAddr == "" {
		return nil
	}
	scanner, err := clamd.New(c.ClamdAddr)
	if err != nil {
		return fmt.Errorf("CLAMD_ADDR: %w", err)
	}
	p.commands.uploads.Scan = scanner.Scan
	return nil
}

// checks are what must work for the API to be ready.
func (p *product) checks() []http.Check {
	return []http.Check{
		{Name: "event_log", Ready: p.log.Ready},
		{Name: "database", Ready: p.pool.Ping},
		{Name: "vault", Ready: p.vault.Ready},
		{Name: "projections", Ready: p.runner.Ready},
	}
}

const demoTokens = 7 * 24 * time.Hour

func startProvider(ctx context.Context, c config, logger *slog.Logger) (*oidc.Provider, error) {
	var people []oidc.Person
	for _, p := range demoPeople {
		people = append(people, oidc.Person{Subject: p.id, Name: p.name, Email: p.email()})
	}
	return oidc.Start(ctx, oidc.Config{Dir: filepath.Join(c.DataDir, "sign-in"), Audience: c.OIDCAudience, People: people, Logger: logger})
}

// presentDemo makes the demo workspace, tells where it is once everything answers, and stays until ctx ends.
func (p *product) presentDemo(ctx context.Context, c config, provider *oidc.Provider, address string, out io.Writer) error {
	if err := p.awaitIndex(ctx); err != nil {
		return err
	}
	f, err := demo{commands: p.commands, issuer: provider.Issuer()}.make(ctx)
	if err != nil {
		return err
	}
	f.Address = address
	for _, person := range demoPeople {
		token, err := provider.Token(ctx, person.id, demoTokens)
		if err != nil {
			return fmt.Errorf("signing in %s: %w", person.role, err)
		}
		f.Members[person.role] = demoMember{ID: person.id, Token: token}
	}
	if err := p.awaitReadModels(ctx, p.index.Applied()); err != nil {
		return err
	}
	if err := f.write(c.DataDir); err != nil {
		return err
	}
	f.greet(out, c.DataDir)
	<-ctx.Done()
	return ctx.Err()
}

// awaitReadModels waits until every read model has reached a position.
func (p *product) awaitReadModels(ctx context.Context, position eventstore.Position) error {
	for _, m := range projectors() {
		if err := p.runner.Wait(ctx, m.Name(), position); err != nil {
			return fmt.Errorf("waiting for the read model %s: %w", m.Name(), err)
		}
	}
	return nil
}
