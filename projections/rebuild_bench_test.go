package projections_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/ticket"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
)

// journal only appends.
type journal struct{}

func (journal) Name() string { return "journal" }

func (journal) Schema() string {
	return "CREATE TABLE reveal (position bigint NOT NULL, at timestamptz NOT NULL, secret uuid NOT NULL, member text NOT NULL, field text NOT NULL);"
}

func (journal) Indexes() string { return "CREATE INDEX reveal_by_secret ON reveal (secret, position);" }

func (journal) Version() int { return 1 }

func (journal) Kinds() []string { return []string{domain.RevealsKind} }

func (journal) Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"reveal"}, []string{"position", "at", "secret", "member", "field"},
		pgx.CopyFromSlice(len(events), func(i int) ([]any, error) {
			e := events[i]
			v := e.Event.(reveal.FieldRevealed)
			return []any{int64(e.Position), e.At, v.Secret, v.Member, v.Field}, nil
		}))
	return err
}

// BenchmarkRebuild reports events per second, log and database on the same machine.
func BenchmarkRebuild(b *testing.B) {
	const events, each = 200_000, 100
	w := newWorld(b)
	secret := uuid.New()
	fill(b, w, events/2, each, func(n int) (string, domain.Event) {
		return domain.Stream(domain.RevealsKind, w.ws), reveal.FieldRevealed{Secret: secret, Field: "password", ValueVersion: 1,
			Member: fmt.Sprintf("zd:%d", n%100)}
	})
	fill(b, w, events/2, 1, nil)
	for _, p := range []projections.Projector{journal{}, directory.Projector{}} {
		b.Run(p.Name(), func(b *testing.B) {
			config := w.config("operator", p)
			config.RebuildBatch = 0
			r, err := projections.New(config)
			require.NoError(b, err)
			for b.Loop() {
				begun, applied := time.Now(), 0
				require.NoError(b, r.Rebuild(w.ctx, p.Name(), func(_, _ eventstore.Position, n int) { applied = n }))
				b.ReportMetric(float64(applied)/time.Since(begun).Seconds(), "applied/s")
				b.ReportMetric(float64(events)/time.Since(begun).Seconds(), "read/s")
			}
		})
	}
}

// fill appends n events, some in one append, from several writers; without next, one ticket per event.
func fill(b *testing.B, w *world, n, each int, next func(n int) (string, domain.Event)) {
	b.Helper()
	var writers sync.WaitGroup
	const parallel = 16
	for p := range parallel {
		writers.Go(func() {
			for i := p * each; i < n; i += parallel * each {
				var stream string
				batch := make([]domain.Event, each)
				for j := range batch {
					if next != nil {
						stream, batch[j] = next(i + j)
						continue
					}
					id := fmt.Sprintf("zd:%d", i+j)
					stream, batch[j] = domain.DirectoryStream(w.ws, domain.TicketKind, id), ticket.Synced{ID: id, Incarnation: 1,
						Subject: domain.NewPrivate("The printer is on fire"), URL: domain.NewPrivate("https://desk.example/" + id),
						Status: ticket.Open, Category: "hardware", Assignees: []string{"zd:1", "zd:2"}}
				}
				w.append(b, stream, batch...)
			}
		})
	}
	writers.Wait()
}
