package commands_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/commands"
	"github.com/kdesk/client-secrets/commands/commandstest"
	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/template"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func refused(t *testing.T, err error, kind domain.Kind, code string) {
	t.Helper()
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	assert.Equal(t, kind, e.Kind)
}

// groups counts in its state how often it was synced.
func groups(stream string) commands.Aggregate[int] {
	return commands.Aggregate[int]{Stream: stream, Evolve: func(n int, _ domain.Event) (int, error) { return n + 1, nil }}
}

func groupStream(s *commandstest.Scene) string {
	return domain.DirectoryStream(s.Workspace, domain.GroupKind, "test:group")
}

// syncOne records the group with one more member, as whom the number of syncs so far names.
func syncOne(n int) ([]domain.Event, error) {
	return []domain.Event{group.Synced{ID: "test:group", Incarnation: 1, Added: []string{fmt.Sprintf("test:%d", n)}}}, nil
}

func keyed(r commands.Request, key string) commands.Request {
	r.Key = key
	return r
}

func TestConflictsAreDecidedAnew(t *testing.T) {
	s := commandstest.NewScene(t)
	stream, met := groupStream(s), []int{}
	s.Log.BeforeAppend(stream, func() {
		_, err := commands.Run(t.Context(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), syncOne)
		assert.NoError(t, err)
	})
	result, err := commands.Run(t.Context(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), func(n int) ([]domain.Event, error) {
		met = append(met, n)
		return syncOne(n)
	})
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1}, met, "the second try meets what came in between")
	assert.Equal(t, uint64(1), result.Revision)
	assert.Len(t, s.Events(t, stream), 2)
}

func TestConflictsWithoutEndAreRefused(t *testing.T) {
	s := commandstest.NewScene(t)
	stream, tries := groupStream(s), 0
	_, err := commands.Run(t.Context(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), func(n int) ([]domain.Event, error) {
		tries++
		_, err := commands.Run(t.Context(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), syncOne)
		require.NoError(t, err)
		return syncOne(n)
	})
	refused(t, err, domain.Conflict, "busy")
	assert.Equal(t, 10, tries)
	assert.Len(t, s.Events(t, stream), tries, "nothing of the refused command was recorded")
}

func TestManyAtOnceLoseNothing(t *testing.T) {
	s := commandstest.NewScene(t)
	stream, done := groupStream(s), make(chan error, 12)
	for range cap(done) {
		go func() {
			_, err := commands.Run(context.Background(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), syncOne)
			done <- err
		}()
	}
	recorded := 0
	for range cap(done) {
		if err := <-done; err == nil {
			recorded++
		} else {
			refused(t, err, domain.Conflict, "busy")
		}
	}

	events := s.Events(t, stream)
	require.Len(t, events, recorded)
	for i, e := range events {
		assert.Equal(t, []string{fmt.Sprintf("test:%d", i)}, e.Event.(group.Synced).Added, "each was decided on what is before it")
	}
}

func TestConditionalChange(t *testing.T) {
	s := commandstest.NewScene(t)
	stream := groupStream(s)
	run := func(at uint64) (commands.Result, error) {
		req := s.By(commandstest.Owner)
		req.IfMatch = &at
		return commands.Run(t.Context(), s.Run, req, uuid.New(), groups(stream), syncOne)
	}
	t.Run("of what is not there", func(t *testing.T) {
		_, err := run(0)
		refused(t, err, domain.Precondition, "stale_revision")
		assert.Empty(t, s.Events(t, stream))
	})
	_, err := commands.Run(t.Context(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), syncOne)
	require.NoError(t, err)
	t.Run("at another revision", func(t *testing.T) {
		_, err := run(1)
		refused(t, err, domain.Precondition, "stale_revision")
		assert.Len(t, s.Events(t, stream), 1)
	})
	t.Run("overtaken", func(t *testing.T) {
		s.Log.BeforeAppend(stream, func() {
			_, err := commands.Run(t.Context(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), syncOne)
			assert.NoError(t, err)
		})
		_, err := run(0)
		refused(t, err, domain.Precondition, "stale_revision")
		assert.Len(t, s.Events(t, stream), 2)
	})
	t.Run("at its revision", func(t *testing.T) {
		result, err := run(1)
		require.NoError(t, err)
		assert.Equal(t, uint64(2), result.Revision)
	})
}

func TestRepeatedCommandAnswersTheSame(t *testing.T) {
	s := commandstest.NewScene(t)
	stream := groupStream(s)
	req := keyed(s.By(commandstest.Owner), "k")
	run := func(w *commandstest.World) (commands.Result, error) {
		return commands.Run(context.Background(), w.Run, req, req.Command(), groups(stream), func(n int) ([]domain.Event, error) {
			one, _ := syncOne(n)
			two, _ := syncOne(n + 1)
			return append(one, two...), nil
		})
	}
	first, err := run(s.World)
	require.NoError(t, err)
	assert.True(t, first.Changed)
	assert.Equal(t, uint64(1), first.Revision)
	_, err = commands.Run(t.Context(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), syncOne)
	require.NoError(t, err)

	t.Run("later, after other changes", func(t *testing.T) {
		again, err := run(s.World)
		require.NoError(t, err)
		assert.Equal(t, first, again)
	})
	t.Run("by another process", func(t *testing.T) {
		again, err := run(s.Again(t))
		require.NoError(t, err)
		assert.Equal(t, first, again)
	})
	t.Run("although its condition holds no more", func(t *testing.T) {
		req.IfMatch = new(uint64)
		again, err := run(s.World)
		require.NoError(t, err)
		assert.Equal(t, first, again)
		req.IfMatch = nil
	})
	assert.Len(t, s.Events(t, stream), 3)
	t.Run("another principal's is another command", func(t *testing.T) {
		assert.NotEqual(t, req.Command(), keyed(s.By(commandstest.Other), "k").Command())
		assert.NotEqual(t, req.Command(), keyed(s.By(commandstest.Owner), "l").Command())
		elsewhere := req
		elsewhere.Workspace = uuid.New()
		assert.NotEqual(t, req.Command(), elsewhere.Command())
		service := req
		service.Actor.Kind = domain.Service
		assert.NotEqual(t, req.Command(), service.Command())
		session := req
		session.Actor.Session = "another"
		assert.Equal(t, req.Command(), session.Command(), "a new sign-in does not make it another")
		req.Key = ""
		assert.NotEqual(t, req.Command(), req.Command())
	})
}

func TestSameCommandAtOnceIsOne(t *testing.T) {
	s := commandstest.NewScene(t)
	other := s.Again(t)
	req := keyed(s.By(commandstest.Owner), "k")
	var mu sync.Mutex
	var results []commands.Result
	var running sync.WaitGroup
	for i := range 10 {
		running.Go(func() {
			w := []*commandstest.World{s.World, other}[i%2]
			result, err := w.Templates.Create(context.Background(), req, template.Definition{
				Name: "T", Fields: []template.Field{{Key: "a", Label: domain.NewPrivate("A"), Type: template.Text}},
			})
			mu.Lock()
			defer mu.Unlock()
			assert.NoError(t, err)
			results = append(results, result)
		})
	}
	running.Wait()
	for _, r := range results {
		assert.Equal(t, results[0], r)
	}
	assert.Len(t, s.Events(t, domain.Stream(domain.TemplateKind, results[0].ID)), 1)
}

func TestStreamOfAnotherWorkspaceIsNotThere(t *testing.T) {
	s := commandstest.NewScene(t)
	stream := groupStream(s)
	_, err := commands.Run(t.Context(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), syncOne)
	require.NoError(t, err)
	foreign := s.By(commandstest.Owner)
	foreign.Workspace = uuid.New()
	_, err = commands.Run(t.Context(), s.Run, foreign, uuid.New(), groups(stream), syncOne)
	refused(t, err, domain.NotFound, "not_found")
	state, err := commands.Load(t.Context(), s.Run, foreign.Workspace, groups(stream))
	refused(t, err, domain.NotFound, "not_found")
	assert.Zero(t, state, "nothing of it comes back")
	assert.Len(t, s.Events(t, stream), 1)
}

func TestTooMuchForOneChange(t *testing.T) {
	s := commandstest.NewScene(t)
	stream := groupStream(s)
	for _, size := range []int{1100, 3000} { // beyond the log's bound, and beyond what one message to it may have
		_, err := commands.Run(t.Context(), s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), func(int) ([]domain.Event, error) {
			long := strings.Repeat("x", 1000)
			return []domain.Event{group.Synced{ID: "test:group", Incarnation: 1, Added: strings.Split(strings.Repeat(long+",", size), ",")}}, nil
		})
		refused(t, err, domain.TooLarge, "too_large")
	}
	assert.Empty(t, s.Events(t, stream))
}

func TestLogAwayRefusesInTime(t *testing.T) {
	s := commandstest.NewScene(t)
	stream := groupStream(s)
	run := func(ctx context.Context) error {
		_, err := commands.Run(ctx, s.Run, s.By(commandstest.Owner), uuid.New(), groups(stream), syncOne)
		return err
	}
	t.Run("gone before the append", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s.Log.BeforeAppend(stream, func() { s.Server.Stop(t) })
		refused(t, run(ctx), domain.Unavailable, "log_unavailable")
	})
	t.Run("gone already", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		refused(t, run(ctx), domain.Unavailable, "log_unavailable")
		assert.Less(t, time.Since(start), 6*time.Second) // the client gives up after ten
	})
	s.Server.Restart(t)
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.NoError(c, run(t.Context())) }, 30*time.Second, 50*time.Millisecond)
	assert.Len(t, s.Events(t, stream), 1)
}
