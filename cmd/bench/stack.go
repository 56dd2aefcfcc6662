package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/embedded"
	"github.com/kdesk/client-secrets/eventstore/esdb"
	"github.com/kdesk/client-secrets/platform/postgres"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/reveals"
	"github.com/kdesk/client-secrets/projections/secrets"
	"github.com/kdesk/client-secrets/vault"
)

// stack is what `client-secrets projections rebuild` stands on when no server runs: the embedded log and database in this
// process.
type stack struct {
	log    *esdb.Log
	pool   *pgxpool.Pool
	codec  *eventstore.Codec
	runner *projections.Runner
	feed   *eventstore.Feed
	closes []func() error
}

func openStack(ctx context.Context, data string) (s *stack, err error) {
	s = &stack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	private, err := postgres.StartPrivate(ctx, postgres.PrivateConfig{Dir: filepath.Join(data, "postgres"), Logger: logger, Durable: true})
	if err != nil {
		return s, err
	}
	s.closes = append(s.closes, private.Close)
	if s.pool, err = postgres.Open(ctx, private.URL()); err != nil {
		return s, err
	}
	s.closes = append(s.closes, func() error { s.pool.Close(); return nil })
	server, err := embedded.Open(ctx, embedded.Config{Dir: filepath.Join(data, "eventlog"), Logger: logger})
	if err != nil {
		return s, err
	}
	s.closes = append(s.closes, server.Close)
	if s.log, err = esdb.Open(ctx, esdb.Config{URL: server.ConnectionString(), Logger: logger}); err != nil {
		return s, err
	}
	s.closes = append(s.closes, func() error { s.log.Close(); return nil })
	keys, err := vault.Open(ctx, vault.Config{Pool: s.pool, KMSURL: "file://" + filepath.ToSlash(filepath.Join(data, "root.key"))})
	if err != nil {
		return s, err
	}
	s.closes = append(s.closes, keys.Close)
	s.codec = &eventstore.Codec{Keys: keys}
	s.feed = eventstore.NewFeed(eventstore.FeedConfig{Log: s.log, Decoder: s.codec, Logger: logger})
	s.runner, err = projections.New(projections.Config{Pool: s.pool, Log: s.log, Feed: s.feed, Logger: logger,
		Projectors: []projections.Projector{reveals.Projector{}, secrets.Projector{}}})
	if err != nil {
		return s, err
	}
	return s, nil
}

// follow keeps the log's subscription running until the returned function is called.
func (s *stack) follow(ctx context.Context) (end func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.feed.Run(ctx) }()
	return func() error {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("following the log: %w", err)
		}
		return nil
	}
}

// close ends what was opened, newest first.
func (s *stack) close() error {
	var all []error
	for i := len(s.closes) - 1; i >= 0; i-- {
		all = append(all, s.closes[i]())
	}
	s.closes = nil
	return errors.Join(all...)
}
