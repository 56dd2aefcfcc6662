package live_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands/live"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
	"github.com/kdesk/client-secrets/domain/secret"
	"github.com/kdesk/client-secrets/eventstore"
)

var (
	ws     = uuid.MustParse("5d0f3f0e-7a51-4a55-9d09-000000000001")
	client = uuid.MustParse("5d0f3f0e-7a51-4a55-9d09-000000000002")
)

// script delivers the batches that a test sends.
type script struct {
	batches chan eventstore.Batch
	behind  atomic.Bool
}

func (s *script) Next(ctx context.Context) (eventstore.Batch, error) {
	select {
	case b := <-s.batches:
		return b, nil
	case <-ctx.Done():
		return eventstore.Batch{}, ctx.Err()
	}
}

func (s *script) CaughtUp() bool { return !s.behind.Load() }

func start(t *testing.T) (*live.Index, *script, <-chan error) {
	x, s, ended := live.New(), &script{batches: make(chan eventstore.Batch)}, make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { ended <- x.Run(ctx, s) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return x, s, ended
}

// joins is the fact that a member joined, at a position.
func joins(id string, position uint64) domain.Recorded {
	return domain.Recorded{
		ID: uuid.New(), Stream: domain.DirectoryStream(ws, domain.MemberKind, id), Position: position, At: time.Unix(1, 0),
		Meta: domain.Meta{Workspace: ws}, Event: member.Synced{ID: id, Incarnation: 1, Active: true},
	}
}

func batch(events ...domain.Recorded) eventstore.Batch {
	return eventstore.Batch{Events: events, To: eventstore.Position(events[len(events)-1].Position)}
}

func (s *script) send(t *testing.T, x *live.Index, b eventstore.Batch) {
	s.batches <- b
	require.NoError(t, x.Wait(t.Context(), b.To))
}

func TestWaiterMeetsAllBeforeItsEventAndNothingOfIt(t *testing.T) {
	x, s, _ := start(t)
	a, b, c := joins("test:a", 10), joins("test:b", 20), joins("test:c", 30)
	calls := 0
	x.At(b.ID, func(f live.Facts, e domain.Recorded) {
		calls++
		assert.Equal(t, b, e)
		assert.True(t, f.Access.HasMember(ws, "test:a"))
		assert.False(t, f.Access.HasMember(ws, "test:b"))
		assert.False(t, f.Access.HasMember(ws, "test:c"))
	})
	s.send(t, x, batch(a, b, c))
	x.View(func(f live.Facts) {
		assert.Equal(t, 1, calls)
		assert.True(t, f.Access.HasMember(ws, "test:b"))
		assert.True(t, f.Access.HasMember(ws, "test:c"))
	})
}

func TestForgottenWaiterIsNotCalled(t *testing.T) {
	x, s, _ := start(t)
	var forgotten [100]atomic.Bool
	var running sync.WaitGroup
	for i := range forgotten {
		e := joins("test:a", uint64(i+1))
		e.Revision = uint64(i)
		forget := x.At(e.ID, func(live.Facts, domain.Recorded) {
			assert.False(t, forgotten[i].Load(), "called after forget returned")
		})
		running.Go(func() {
			forget()
			forgotten[i].Store(true)
			forget() // once more does no harm
		})
		s.batches <- batch(e)
	}
	running.Wait()
}

func TestWait(t *testing.T) {
	x, s, _ := start(t)
	require.NoError(t, x.Wait(t.Context(), eventstore.Start), "nothing to wait for")
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, x.Wait(short, 5), live.ErrBehind)

	waiting := make(chan error, 20)
	for range cap(waiting) {
		go func() { waiting <- x.Wait(t.Context(), 15) }()
	}
	s.send(t, x, batch(joins("test:a", 10)))
	select {
	case <-waiting:
		t.Error("nobody may go on before the position they wait for")
	default:
	}
	s.send(t, x, eventstore.Batch{From: 10, To: 15}) // nothing in between concerned the index
	for range cap(waiting) {
		assert.NoError(t, <-waiting)
	}
	assert.Equal(t, eventstore.Position(15), x.Applied())
	assert.NoError(t, x.Wait(t.Context(), 12))
}

func TestReadyOnceCaughtUp(t *testing.T) {
	x, s, _ := start(t)
	s.behind.Store(true)
	s.send(t, x, batch(joins("test:a", 10)))
	s.send(t, x, batch(joins("test:b", 20)))
	assert.False(t, x.Ready())
	s.behind.Store(false)
	s.send(t, x, batch(joins("test:c", 30)))
	require.Eventually(t, x.Ready, 10*time.Second, time.Millisecond)
	s.behind.Store(true)
	s.send(t, x, batch(joins("test:d", 40)))
	assert.True(t, x.Ready(), "for good")
}

func TestEventThatCannotBeFoldedEndsTheIndex(t *testing.T) {
	x, s, ended := start(t)
	foreign := joins("test:b", 20)
	foreign.Meta.Workspace = uuid.New()
	foreign.Stream = domain.DirectoryStream(ws, domain.MemberKind, "test:b")
	s.batches <- batch(joins("test:a", 10), foreign, joins("test:c", 30))
	assert.Error(t, <-ended)
	assert.Equal(t, eventstore.Position(10), x.Applied(), "it does not claim to have what it has not")
	x.View(func(f live.Facts) { assert.False(t, f.Access.HasMember(ws, "test:c")) })
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, x.Wait(short, 30), live.ErrBehind)
}

func TestContentsByVersion(t *testing.T) {
	x, s, _ := start(t)
	one, two := secret.Content{ID: uuid.New(), KeyID: "k"}, secret.Content{ID: uuid.New(), KeyID: "k"}
	facts := []domain.Event{
		secret.Created{Template: uuid.New(), TemplateVersion: 1},
		secret.ValueSet{Field: "f", ValueVersion: 1, Content: one},
		secret.ValueSet{Field: "f", ValueVersion: 2, Content: two},
		secret.ValueCleared{Field: "f", ValueVersion: 3},
	}
	of := func(id uuid.UUID, field string, version int) (c secret.Content, v int, ok bool) {
		x.View(func(f live.Facts) { c, v, ok = f.Contents.Of(id, field, version) })
		return c, v, ok
	}
	var events []domain.Recorded
	for i, e := range facts {
		events = append(events, domain.Recorded{
			ID: uuid.New(), Stream: domain.Stream(domain.SecretKind, client), Revision: uint64(i), Position: uint64(i + 1),
			Meta: domain.Meta{Workspace: ws}, Event: e,
		})
	}
	s.send(t, x, batch(events[:3]...))
	x.View(func(f live.Facts) { assert.False(t, f.Contents.IsFile(client, "f")) })
	content, version, ok := of(client, "f", 0)
	assert.True(t, ok)
	assert.Equal(t, two, content)
	assert.Equal(t, 2, version)
	content, version, ok = of(client, "f", 1)
	assert.True(t, ok)
	assert.Equal(t, one, content)
	assert.Equal(t, 1, version)

	s.send(t, x, batch(events[3]))
	x.View(func(f live.Facts) { assert.Equal(t, 3, f.Contents.Current(client, "f")) })
	_, _, ok = of(client, "f", 2)
	assert.True(t, ok, "what was before stays")
	for _, version := range []int{0, 3, 4, -1} {
		_, _, ok = of(client, "f", version)
		assert.False(t, ok, "version %d", version)
	}
	_, _, ok = of(client, "g", 0)
	assert.False(t, ok)
	_, _, ok = of(uuid.New(), "f", 1)
	assert.False(t, ok)
}

func TestSeenWhileFolding(t *testing.T) {
	x, s, _ := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for ctx.Err() == nil {
				x.View(func(f live.Facts) { _ = f.Access.Owners(ws) })
				_ = x.Wait(ctx, x.Applied())
			}
		})
	}
	for i := range 200 {
		e := joins("test:a", uint64(i+1))
		e.Revision = uint64(i)
		s.batches <- batch(e)
	}
	cancel()
	running.Wait()
}

func TestChangedPassesOverReveals(t *testing.T) {
	x, s, _ := start(t)
	require.Zero(t, x.Changed(ws))
	shown := domain.Recorded{ID: uuid.New(), Stream: domain.Stream(domain.RevealsKind, ws), Position: 9, At: time.Unix(2, 0),
		Meta: domain.Meta{Workspace: ws}, Event: reveal.FieldRevealed{Secret: client, Member: "d:1"}}
	s.batches <- eventstore.Batch{Events: []domain.Recorded{joins("d:1", 5), shown}, To: 9}
	require.NoError(t, x.Wait(t.Context(), 9))
	require.EqualValues(t, 5, x.Changed(ws))
	require.Zero(t, x.Changed(uuid.New()))
}
