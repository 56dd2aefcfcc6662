package projections_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/group"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/projections"
	"github.com/kdesk/client-secrets/projections/directory"
	"github.com/kdesk/client-secrets/projections/projectiontest"
	"github.com/kdesk/client-secrets/projections/templates"
)

func TestReadModelsFollowTheLog(t *testing.T) {
	w := newWorld(t)
	for range 2 { // the second one comes by the feed's subscription, which is then up
		last := w.member(t, 0)
		require.Eventually(t, func() bool { return w.feed.Head() >= last }, patience, time.Millisecond)
	}
	before := goleak.IgnoreCurrent()
	for n := range 100 { // beyond the feed's window
		w.member(t, n)
	}
	r := w.start(t, w.config("a", directory.Projector{}, templates.Projector{}))
	last := w.member(t, 100)
	r.wait(t, "directory", last)
	r.wait(t, "templates", last) // which reads none of this
	q := directory.New(w.pool)
	list, err := q.ListMembers(w.ctx, w.ws, "member 100", projections.Page{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	owner, err := q.GetMember(w.ctx, w.ws, "zd:0")
	require.NoError(t, err)
	require.True(t, owner.Owner)
	require.NoError(t, r.Ready(w.ctx))
	status := r.leader(t, func(s projections.Status) bool { return s.Behind == 0 && s.Leader == "a" })
	require.Equal(t, last, status.Position)
	r.stop()
	require.NoError(t, <-r.done)
	status = r.leader(t, ledBy(""))
	require.Equal(t, "directory", status.Name)
	require.NoError(t, goleak.Find(before))
}

func TestAnotherInstanceTakesOver(t *testing.T) {
	w := newWorld(t)
	a := w.start(t, w.config("a", tally{}))
	first := a.leader(t, ledBy("a"))
	b := w.start(t, w.config("b", tally{}))
	b.wait(t, "tally", w.member(t, 1)) // b follows by the database
	a.stop()
	second := b.leader(t, ledBy("b"))
	require.Greater(t, second.Epoch, first.Epoch)
	b.wait(t, "tally", w.member(t, 2))
	require.Equal(t, []string{"zd:1", "zd:2"}, w.seen(t))
}

func TestALeaderThatWentSilentIsReplaced(t *testing.T) {
	w := newWorld(t)
	config := w.config("b", tally{})
	r, err := projections.New(config)
	require.NoError(t, err)
	require.NoError(t, r.Rebuild(w.ctx, "tally", func(_, _ eventstore.Position, _ int) {}))
	_, err = w.pool.Exec(w.ctx, "UPDATE ops.projections SET lease_holder = 'gone', epoch = 7, lease_until = now() + $1", config.Lease)
	require.NoError(t, err)
	b := w.start(t, config)
	status := b.leader(t, ledBy("b"))
	require.EqualValues(t, 8, status.Epoch)
	b.wait(t, "tally", w.member(t, 1))
}

func TestAFencedLeaderChangesNothing(t *testing.T) {
	w := newWorld(t)
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	a := w.start(t, w.config("a", tally{hook: func(domain.Recorded) error {
		once.Do(func() {
			close(reached)
			<-goOn
		})
		return nil
	}}))
	a.leader(t, ledBy("a"))
	last := w.member(t, 1)
	<-reached // a is in the middle of a transaction
	_, err := w.pool.Exec(w.ctx, "UPDATE ops.projections SET lease_holder = 'b', epoch = epoch + 1, lease_until = now() + interval '1 hour'")
	require.NoError(t, err)
	close(goOn)
	require.Eventually(t, func() bool { // a stands by again
		_, _, err := a.Checkpoint(w.ctx, "tally")
		return err != nil
	}, patience, 10*time.Millisecond)
	require.Empty(t, w.seen(t))
	require.Less(t, a.leader(t, ledBy("b")).Position, last)
	_, err = w.pool.Exec(w.ctx, "UPDATE ops.projections SET lease_until = now()")
	require.NoError(t, err)
	a.wait(t, "tally", last)
	require.Equal(t, []string{"zd:1"}, w.seen(t))
}

func TestADatabaseThatLostCommitsIsFilledAgain(t *testing.T) {
	w := newWorld(t)
	r := w.start(t, w.config("a", tally{}))
	w.loseSecond(t, r)
	last := w.member(t, 3)
	require.Eventually(t, func() bool { return len(w.seen(t)) == 3 }, patience, 10*time.Millisecond)
	r.wait(t, "tally", last)
	require.Equal(t, []string{"zd:1", "zd:2", "zd:3"}, w.seen(t))
}

func TestADatabaseThatLostCommitsIsFilledAgainWhileNoEventsCome(t *testing.T) {
	w := newWorld(t)
	r := w.start(t, w.config("a", tally{}))
	w.loseSecond(t, r)
	require.Eventually(t, func() bool { return len(w.seen(t)) == 2 }, patience, 10*time.Millisecond)
	require.EqualValues(t, 1, r.Setbacks("tally"), "what was read meanwhile is not to be relied on")
}

// loseSecond records two members and takes the second one's row away as a crash does: the rows and the checkpoint of the
// last commit are gone, the lease and its epoch are not.
func (w *world) loseSecond(t *testing.T, r *runner) {
	before := w.member(t, 1)
	r.wait(t, "tally", before)
	r.leader(t, func(s projections.Status) bool { return s.Position == before })
	lost := w.member(t, 2)
	r.leader(t, func(s projections.Status) bool { return s.Position == lost })
	record, found, err := w.log.At(w.ctx, before)
	require.NoError(t, err)
	require.True(t, found)
	_, err = w.pool.Exec(w.ctx, `WITH gone AS (DELETE FROM tally.seen WHERE id = 'zd:2')
		UPDATE ops.projections SET position = $1, last_event_id = $2`, int64(before), record.ID)
	require.NoError(t, err)
}

func TestAFailingEventStopsItsProjectionAndNoOther(t *testing.T) {
	t.Run("by an error", func(t *testing.T) {
		stops(t, func() error { return errors.New("cannot hold this") }, "cannot hold this")
	})
	t.Run("by a panic", func(t *testing.T) { stops(t, func() error { panic("Member 2") }, "panicked: a string") })
	t.Run("by a value that Postgres refuses", func(t *testing.T) {
		stops(t, func() error { return &pgconn.PgError{Code: "22P02", Message: `invalid input: "Member 2"`} }, "SQLSTATE 22P02")
	})
}

func stops(t *testing.T, fail func() error, text string) {
	w := newWorld(t)
	var broken atomic.Bool
	broken.Store(true)
	config := w.config("a", tally{hook: func(e domain.Recorded) error {
		if e.Event.(member.Synced).ID == "zd:2" && broken.Load() {
			return fail()
		}
		return nil
	}}, directory.Projector{})
	r := w.start(t, config)
	r.leader(t, ledBy("a"))
	w.member(t, 1)
	bad := w.member(t, 2)
	last := w.member(t, 3)
	r.wait(t, "directory", last)
	stopped := r.leader(t, func(s projections.Status) bool { return s.Error != "" })
	require.Contains(t, stopped.Error, "member.synced.v1")
	require.Contains(t, stopped.Error, text)
	require.Contains(t, stopped.Error, domain.DirectoryStream(w.ws, domain.MemberKind, "zd:2"))
	require.NotContains(t, stopped.Error, "Member 2", "private text")
	require.Less(t, stopped.Position, bad)
	require.ErrorContains(t, r.Ready(w.ctx), "tally: applying member.synced.v1")
	require.Equal(t, []string{"zd:1"}, w.seen(t))
	broken.Store(false)
	r.wait(t, "tally", last)
	require.Equal(t, []string{"zd:1", "zd:2", "zd:3"}, w.seen(t))
	r.leader(t, func(s projections.Status) bool { return s.Error == "" })
	require.Eventually(t, func() bool { return r.Ready(w.ctx) == nil }, patience, 10*time.Millisecond) // the row tells it first
}

func TestAChangedProjectorIsRebuiltAtStart(t *testing.T) {
	w := newWorld(t)
	old := w.start(t, w.config("a", tally{version: 1}))
	old.wait(t, "tally", w.member(t, 1))
	_, err := w.pool.Exec(w.ctx, "INSERT INTO tally.seen VALUES (0, 'left over')")
	require.NoError(t, err)
	fresh := w.start(t, w.config("b", tally{version: 2}))
	last := w.member(t, 2)
	status := fresh.leader(t, ledBy("b")) // the older release cannot lead these tables
	require.Equal(t, 2, status.Version)
	fresh.wait(t, "tally", last)
	require.Equal(t, []string{"zd:1", "zd:2"}, w.seen(t))
	require.Eventually(t, func() bool { return old.Ready(w.ctx) != nil }, patience, 10*time.Millisecond)
	old.stop()
	older := w.start(t, w.config("c", tally{version: 1}))
	require.Eventually(t, func() bool {
		err := older.Ready(w.ctx)
		return err != nil && err.Error() == "projections: tally: a newer release owns its tables"
	}, patience, 10*time.Millisecond)
}

func TestACheckpointOfAnotherLogHaltsTheRunner(t *testing.T) {
	w := newWorld(t)
	r := w.start(t, w.config("a", tally{}))
	r.wait(t, "tally", w.member(t, 1))
	r.leader(t, func(s projections.Status) bool { return s.Behind == 0 })
	r.stop()
	for _, damage := range []string{"last_event_id = gen_random_uuid()", "position = position + 1000000"} {
		_, err := w.pool.Exec(w.ctx, "UPDATE ops.projections SET "+damage)
		require.NoError(t, err)
		foreign := w.start(t, w.config("a", tally{}))
		require.ErrorIs(t, <-foreign.done, eventstore.ErrForeignLog)
	}
	require.NoError(t, r.Rebuild(w.ctx, "tally", func(_, _ eventstore.Position, _ int) {})) // the remedy
	again := w.start(t, w.config("a", tally{}))
	again.wait(t, "tally", w.member(t, 2))
}

func TestARebuildBesideTrafficEqualsTheLiveRows(t *testing.T) {
	w := newWorld(t)
	live := w.start(t, w.config("a", directory.Projector{}))
	for n := range 249 {
		w.member(t, n)
	}
	live.wait(t, "directory", w.member(t, 249))
	operator, err := projections.New(w.config("operator", directory.Projector{}))
	require.NoError(t, err)

	traffic, stopTraffic := context.WithCancel(w.ctx)
	var busy sync.WaitGroup
	var last eventstore.Position
	var queries int
	busy.Go(func() {
		for n := 0; traffic.Err() == nil; n++ {
			last = w.append(t, domain.DirectoryStream(w.ws, domain.GroupKind, "zd:g"), group.Synced{ID: "zd:g",
				Name: domain.NewPrivate("Tier"), Added: []string{string(rune('a' + n%26))}, Removed: []string{string(rune('a' + (n+1)%26))}})
		}
	})
	busy.Go(func() {
		for traffic.Err() == nil {
			list, err := directory.New(w.pool).ListMembers(w.ctx, w.ws, "Member", projections.Page{Limit: 200})
			require.NoError(t, err)
			require.NotEmpty(t, list.Items)
			queries++
		}
	})
	live.wait(t, "directory", w.member(t, 250))
	for range 3 {
		var done, head eventstore.Position
		events := 0
		require.NoError(t, operator.Rebuild(w.ctx, "directory", func(d, h eventstore.Position, n int) { done, head, events = d, h, n }))
		require.GreaterOrEqual(t, done, head)
		require.Greater(t, events, 250)
	}
	stopTraffic()
	busy.Wait()
	require.Positive(t, queries)
	live.wait(t, "directory", last)
	rows := projectiontest.Dump(t, w.pool, "directory")
	live.stop()
	require.NoError(t, operator.Rebuild(w.ctx, "directory", func(_, _ eventstore.Position, _ int) {}))
	require.Equal(t, projectiontest.Dump(t, w.pool, "directory"), rows)
}

func TestARebuildThatFailsLeavesTheLiveTables(t *testing.T) {
	w := newWorld(t)
	live := w.start(t, w.config("a", tally{}))
	live.wait(t, "tally", w.member(t, 1))
	failing, err := projections.New(w.config("operator", tally{hook: func(domain.Recorded) error { return errors.New("no") }}))
	require.NoError(t, err)
	err = failing.Rebuild(w.ctx, "tally", func(_, _ eventstore.Position, _ int) {})
	require.ErrorContains(t, err, "applying member.synced.v1 of stream member-")
	require.Equal(t, []string{"zd:1"}, w.seen(t))
	live.wait(t, "tally", w.member(t, 2))
}

func TestWaitEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	r := w.start(t, w.config("a", tally{}))
	ctx, cancel := context.WithTimeout(w.ctx, 30*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Wait(ctx, "tally", eventstore.End), context.DeadlineExceeded)
	require.ErrorContains(t, r.Wait(w.ctx, "nothing", 0), "no projection")
	require.Equal(t, eventstore.Start, r.Applied("nothing"))
}
