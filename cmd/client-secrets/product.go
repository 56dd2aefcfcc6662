package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kdesk/client-secrets/commands"
	contacts "github.com/kdesk/client-secrets/commands/contact"
	"github.com/kdesk/client-secrets/commands/erasure"
	groups "github.com/kdesk/client-secrets/commands/group"
	"github.com/kdesk/client-secrets/commands/imports"
	"github.com/kdesk/client-secrets/commands/imports/formats"
	invitations "github.com/kdesk/client-secrets/commands/invitation"
	"github.com/kdesk/client-secrets/commands/live"
	members "github.com/kdesk/client-secrets/commands/member"
	"github.com/kdesk/client-secrets/commands/reveal"
	"github.com/kdesk/client-secrets/commands/rotation"
	secrets "github.com/kdesk/client-secrets/commands/secret"
	sources "github.com/kdesk/client-secrets/commands/source"
	templates "github.com/kdesk/client-secrets/commands/template"
	tickets "github.com/kdesk/client-secrets/commands/ticket"
	"github.com/kdesk/client-secrets/commands/upload"
	verifications "github.com/kdesk/client-secrets/commands/verification"
	workspaces "github.com/kdesk/client-secrets/commands/workspace"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/esdb"
	"github.com/kdesk/client-secrets/platform/postgres/operations"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/accesslist"
	"github.com/kdesk/client-secrets/projections/directory"
	"github.com/kdesk/client-secrets/projections/reveals"
	secretlist "github.com/kdesk/client-secrets/projections/secrets"
	templatelist "github.com/kdesk/client-secrets/projections/templates"
	"github.com/kdesk/client-secrets/projections/ticketpanel"
)

// handlers are the commands of every aggregate.
type handlers struct {
	workspaces workspaces.Commands
	members    members.Commands
	groups     groups.Commands
	contacts   contacts.Commands
	tickets    tickets.Commands
	templates  templates.Commands
	secrets    secrets.Commands
	sources    sources.Commands
	uploads    upload.Commands
	erasure    erasure.Commands
	rotation   rotation.Commands
	imports    *imports.Commands

	verifications verifications.Commands
	invitations   invitations.Commands
}

// product is the whole of it on its backends, without HTTP.
type product struct {
	*backends
	feed       *eventstore.Feed
	index      *live.Index
	gate       *reveal.Gate
	runner     *projections.Runner
	subscriber *esdb.Subscriber
	commands   handlers
	answers    *operations.Idempotency
	keyUse     *operations.KeyUse
	hasher     commands.Hasher
	alarm      *alarm
	started    eventstore.Position // the end of the log before anything was read into memory
}

// projectors are those of every read model.
func projectors() []projections.Projector {
	return []projections.Projector{
		templatelist.Projector{}, secretlist.Projector{}, ticketpanel.Projector{}, accesslist.Projector{},
		directory.Projector{}, reveals.Projector{},
	}
}

// assemble puts the product together. Nothing runs yet.
func assemble(ctx context.Context, b *backends, logger *slog.Logger) (*product, error) {
	started, err := b.log.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking the log for its head: %w", err)
	}
	key, err := b.vault.ServerKey(ctx, "hashes")
	if err != nil {
		return nil, err
	}
	p := &product{
		backends: b, started: started, index: live.New(), hasher: commands.Hasher{Key: key}, answers: operations.NewIdempotency(b.pool, logger),
		keyUse: operations.NewKeyUse(b.pool, logger), alarm: newAlarm(logger),
	}
	p.feed = eventstore.NewFeed(eventstore.FeedConfig{Log: b.log, Decoder: b.codec, Logger: logger})
	p.runner, err = projections.New(projections.Config{
		Pool: b.pool, Log: b.log, Feed: p.feed, Projectors: projectors(), Holder: b.holder, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	p.subscriber, err = esdb.NewSubscriber(esdb.SubscriberConfig{Feed: p.feed, Checkpoints: p.runner.Checkpoint, Logger: logger})
	if err != nil {
		return nil, err
	}
	run := &commands.Runner{Log: b.log, Codec: b.codec, Index: p.index, Now: func() time.Time { return time.Now().UTC() }}
	p.gate = reveal.NewGate(run, b.vault, logger)
	p.commands = handlers{
		workspaces: workspaces.Commands{Run: run, Hasher: p.hasher},
		members:    members.Commands{Run: run, Hasher: p.hasher},
		groups:     groups.Commands{Run: run},
		contacts:   contacts.Commands{Run: run},
		tickets:    tickets.Commands{Run: run},
		templates:  templates.Commands{Run: run},
		secrets:    secrets.Commands{Run: run, Vault: b.vault, KeyBackups: b.keyBackups},
		uploads:    upload.Commands{Run: run, Vault: b.vault, Logger: logger},
		sources: sources.New(sources.Config{
			Run: run, Hasher: p.hasher, Vault: b.vault, Desks: helpdesks(b.dev), Logger: logger,
		}),
		erasure:  erasure.Commands{Run: run, Keys: b.vault},
		rotation: rotation.Commands{Run: run, Keys: b.vault},

		verifications: verifications.Commands{Run: run, Codes: verifications.NewCodes(b.vault)},
		invitations:   invitations.Commands{Members: members.Commands{Run: run, Hasher: p.hasher}, Tokens: invitations.NewTokens(b.vault)},
	}
	p.commands.imports = imports.New(p.commands.secrets, p.hasher, formats.Readers())
	return p, nil
}

// indexReader feeds the access index as fast as the log goes.
type indexReader struct{ *eventstore.Reader }

const indexBatch = 1024

// Next returns what there is, at once.
func (r indexReader) Next(ctx context.Context) (eventstore.Batch, error) {
	return r.Reader.Next(ctx, indexBatch, 0)
}

// foldIndex keeps the access index current.
func (p *product) foldIndex(ctx context.Context) error {
	return p.index.Run(ctx, indexReader{p.feed.Reader(eventstore.Start, eventstore.Filter{})})
}

// readLog runs what every process that carries out commands needs: the subscription and the access index.
func (p *product) readLog() *group {
	g := &group{}
	g.add("the log's subscription", p.feed.Run)
	g.add("the access index", p.foldIndex)
	g.add("the recording of reveals", p.gate.Run)
	g.add("forgetting destroyed keys", p.forgetKeys)
	return g
}

// awaitIndex waits until the access index has reached the end of the log.
func (p *product) awaitIndex(ctx context.Context) error {
	head, err := p.log.Head(ctx)
	if err != nil {
		return fmt.Errorf("asking the log for its head: %w", err)
	}
	if err := p.index.Wait(ctx, head); err != nil {
		return fmt.Errorf("folding the access index: %w", err)
	}
	return nil
}

var errStopped = errors.New("the embedded event log has stopped: it could not write")

// watchLog ends the product when the embedded event log has stopped by itself: nothing could be recorded any more.
func (p *product) watchLog(ctx context.Context) error {
	select {
	case <-p.failed:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}
