package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/eventstore"
)

const (
	appendEvents = 256 // in one append of reveals
	writers      = 8
	samples      = 2000
)

// fill appends events as the product records them, until the log has as many as are asked for: reveals that repeat those
// that were measured, each a command of its own, and secrets with their tickets.
func (s *stack) fill(ctx context.Context, workspace uuid.UUID, reveals, records int) error {
	stream := domain.Stream(domain.RevealsKind, workspace)
	found, err := s.sample(ctx, stream)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.New("the log has no reveals to repeat")
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for from := 0; from < reveals; from += appendEvents {
		group.Go(func() error { return s.appendReveals(ctx, stream, found, min(appendEvents, reveals-from)) })
	}
	for i := range records {
		group.Go(func() error { return s.appendRecord(ctx, workspace, i) })
	}
	return group.Wait()
}

// sample returns some of the reveals that the product has recorded.
func (s *stack) sample(ctx context.Context, stream string) ([]domain.Recorded, error) {
	var records []eventstore.Record
	for r, err := range s.log.ReadStream(ctx, stream, 0) {
		if err != nil {
			return nil, err
		}
		if records = append(records, r); len(records) == samples {
			break
		}
	}
	return s.codec.Decode(ctx, records)
}

func (s *stack) appendReveals(ctx context.Context, stream string, found []domain.Recorded, n int) error {
	batch := make([]eventstore.Proposed, n)
	for i := range batch {
		e := found[i%len(found)]
		v, ok := e.Event.(reveal.FieldRevealed)
		if !ok {
			return fmt.Errorf("the log has a %s among its reveals", e.Event.EventType())
		}
		e.Meta.Correlation, e.Meta.Command = uuid.New(), uuid.New()
		proposed, err := s.codec.Encode(ctx, stream, e.Meta, []domain.Event{v})
		if err != nil {
			return err
		}
		batch[i] = proposed[0]
	}
	_, err := s.log.Append(ctx, stream, eventstore.AnyRevision(), batch)
	return err
}

// appendRecord appends a ticket and a secret that is linked to it.
func (s *stack) appendRecord(ctx context.Context, workspace uuid.UUID, i int) error {
	meta := domain.Meta{Workspace: workspace, Actor: domain.Actor{Kind: domain.Operator, ID: "bench"}, Correlation: uuid.New(), Command: uuid.New()}
	name := fmt.Sprintf("bench:filled-%d", i)
	events := map[string][]domain.Event{
		domain.DirectoryStream(workspace, domain.TicketKind, name): {ticket.Synced{ID: name, Incarnation: 1,
			Subject: domain.NewPrivate("Cannot sign in"), Status: ticket.Open, Category: "access", Assignees: []string{"demo:sam"}}},
		domain.Stream(domain.SecretKind, uuid.New()): secretEvents(name, i),
	}
	for stream, list := range events {
		meta.Command = uuid.New()
		proposed, err := s.codec.Encode(ctx, stream, meta, list)
		if err != nil {
			return err
		}
		if _, err := s.log.Append(ctx, stream, eventstore.NoStream(), proposed); err != nil {
			return err
		}
	}
	return nil
}

func secretEvents(ticketID string, i int) []domain.Event {
	content := func() secret.Content {
		return secret.Content{ID: uuid.New(), KeyID: "1", Alg: "AES256-GCM", SHA256: make([]byte, 32)}
	}
	return []domain.Event{
		secret.Created{Template: uuid.UUID{1}, TemplateVersion: 1, Name: domain.NewPrivate(fmt.Sprintf("Secret %d", i)),
			Description: domain.NewPrivate("Access of a client")},
		secret.ValueSet{Field: "account", ValueVersion: 1, Content: content()},
		secret.ValueSet{Field: "api_key", ValueVersion: 1, Content: content()},
		secret.RuleAdded{RuleID: uuid.New(), Kind: secret.TicketAssignee},
		secret.TicketLinked{Ticket: ticketID},
		secret.AccessGranted{Kind: secret.ToMember, Target: "demo:kim"},
	}
}
