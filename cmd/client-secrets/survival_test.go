package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/platform/porttest"
	"github.com/kdesk/client-secrets/platform/postgres/postgrestest"
	"github.com/kdesk/client-secrets/projections"
)

// roundsSetting makes the kill test long: that many rounds instead of one of each kind.
const roundsSetting = "CLIENT_SECRETS_KILL_ROUNDS"

// load is traffic that touches every read model and goes on whatever the answers are.
type load struct {
	answered atomic.Int64
	mu       sync.Mutex
	secrets  []string // acknowledged
	stop     func()
}

// startLoad sends requests to servers in turn until stop is called.
func startLoad(t testing.TB, servers ...*program) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{}
	var clients sync.WaitGroup
	l.stop = sync.OnceFunc(func() {
		cancel()
		clients.Wait()
	})
	t.Cleanup(l.stop)
	for client := range 6 {
		clients.Go(func() {
			template := ""
			for n := 0; ctx.Err() == nil; n++ {
				if !l.step(servers[n%len(servers)], &template, client, n) {
					pauseBriefly(ctx)
				}
			}
		})
	}
	return l
}

func pauseBriefly(ctx context.Context) {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
	}
}

// step sends one request of a client and reports whether it was carried out.
func (l *load) step(p *program, template *string, client, n int) bool {
	demo := "/secrets/" + p.demo.Secret.String()
	ticket, somebody := fmt.Sprintf("load:%d", (client+n)%5), demoPeople[n%len(demoPeople)].id
	role, method, path, body := "manager", "PUT", "", ""
	switch (client + n) % 8 {
	case 0:
		method, path = "POST", "/templates"
		body = fmt.Sprintf(`{"name":"Load %d.%d","fields":[{"key":"a","label":"A","type":"text"},{"key":"b","label":"B","type":"text","sensitive":true}]}`, client, n)
	case 1, 2:
		if *template == "" {
			return true
		}
		method, path = "POST", "/secrets"
		body = fmt.Sprintf(`{"template_id":%q,"name":"Load %d.%d","fields":{"a":"x","b":"y"},"tickets":[%q],"assignments":[{"kind":"member","target":%q}]}`,
			*template, client, n, p.demo.Ticket, somebody)
	case 3:
		path, body = "/tickets/"+ticket, fmt.Sprintf(`{"subject":"Load %d.%d","status":"open","assignees":[%q]}`, client, n, somebody)
	case 4:
		path, body = "/contacts/"+ticket, fmt.Sprintf(`{"name":"Contact %d.%d","owners":[%q]}`, client, n, somebody)
	case 5:
		path = demo + "/assignments/member/" + somebody
		if n%2 == 0 {
			method = "DELETE"
		}
	case 6:
		method, path, body = "PATCH", demo, fmt.Sprintf(`{"description":"%d.%d"}`, client, n)
	case 7:
		role, method, path, body = "agent", "POST", demo+"/fields/api_key/reveal", `{"reason":"load"}`
	}
	status, _, answer := p.call(role, method, path, body)
	var made struct{ ID string }
	if status == http.StatusCreated && json.Unmarshal(answer, &made) == nil && made.ID != "" {
		if path == "/templates" {
			*template = made.ID
		} else if path == "/secrets" {
			l.mu.Lock()
			l.secrets = append(l.secrets, made.ID)
			l.mu.Unlock()
		}
	}
	if status >= 200 && status < 300 {
		l.answered.Add(1)
	}
	return status != 0 && status < 500
}

// await waits until n more requests were carried out.
func (l *load) await(t testing.TB, n int64) {
	t.Helper()
	until := l.answered.Load() + n
	require.Eventually(t, func() bool { return l.answered.Load() >= until }, time.Minute, time.Millisecond, "the load comes to a halt")
}

// TestReadModelsSurviveKills kills the server, the database and the event log at random moments under load. After each
// recovery, every read model has exactly the rows that a rebuild makes, and what was acknowledged is in them.
func TestReadModelsSurviveKills(t *testing.T) {
	t.Parallel()
	rounds := 3
	if long, err := strconv.Atoi(os.Getenv(roundsSetting)); err == nil {
		rounds = long
	}
	w := newWorld(t, "")
	s := w.serve(t, porttest.Free(t))
	victims := []struct {
		name string
		kill func()
	}{
		{"the server", func() {
			s.kill()
			s.process = w.launch(t, s.address).process
		}},
		{"the database", func() { w.killDatabase(t) }},
		{"the event log", func() {
			address := w.logAddress()
			w.log.kill()
			time.Sleep(rand.N(300 * time.Millisecond))
			w.startLog(t, address)
		}},
	}
	for round := range rounds {
		l := startLoad(t, s.api)
		l.await(t, 50+rand.Int64N(100))
		time.Sleep(rand.N(50 * time.Millisecond)) // the moment of the kill is what is random here
		victim := victims[round%len(victims)]
		victim.kill()
		s.awaitReady(t)
		l.await(t, 50)
		l.stop()
		t.Logf("round %d: killed %s; %d rows equal a rebuild", round, victim.name, w.requireRebuilt(t))
		w.requireSecrets(t, l.secrets)
	}
}

// requireSecrets fails unless all of them are in the read model.
func (w *world) requireSecrets(t testing.TB, acknowledged []string) {
	t.Helper()
	require.NotEmpty(t, acknowledged)
	w.with(t, func(ctx context.Context, p *product) error {
		var missing int
		err := p.pool.QueryRow(ctx, `SELECT count(*) FROM unnest($1::uuid[]) AS a(id)
			WHERE NOT EXISTS (SELECT FROM secrets.record r WHERE r.id = a.id)`, acknowledged).Scan(&missing)
		assert.Zero(t, missing, "secrets that were acknowledged")
		return err
	})
}

// statuses tells how the read models do.
func (w *world) statuses(t testing.TB) (all []projections.Status) {
	t.Helper()
	w.with(t, func(ctx context.Context, p *product) (err error) {
		all, err = p.runner.Status(ctx)
		return err
	})
	return all
}

func leadsAll(s *server, all []projections.Status) bool {
	for _, m := range all {
		if !s.holds(m.Leader) {
			return false
		}
	}
	return len(all) > 0
}

// takeOver is how long a second instance may take until it projects: seven seconds until the lease is over, and the rest for
// a busy machine. What holds it up otherwise does so for minutes.
const takeOver = 30 * time.Second

// TestTheOtherInstanceTakesOver kills the instance that projects: the other one projects once the lease is over.
func TestTheOtherInstanceTakesOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, postgrestest.URL(t))
	first := w.serve(t, porttest.Free(t))
	second := w.serve(t, porttest.Free(t))
	require.True(t, leadsAll(first, w.statuses(t)), "one instance projects")
	l := startLoad(t, first.api, second.api)
	l.await(t, 100)
	first.kill()
	killed := time.Now()
	w.awaitLeader(t, second, killed)
	t.Logf("took over after %s", time.Since(killed).Round(time.Millisecond))
	l.await(t, 20)
	l.stop()
	w.requireRebuilt(t)
	w.requireSecrets(t, l.secrets)
}

// awaitLeader waits until an instance leads every read model and has applied what was in the log since.
func (w *world) awaitLeader(t testing.TB, s *server, since time.Time) {
	t.Helper()
	w.with(t, func(ctx context.Context, p *product) error {
		ctx, cancel := context.WithDeadline(ctx, since.Add(takeOver))
		defer cancel()
		head, err := p.log.Head(ctx)
		for err == nil {
			var all []projections.Status
			all, err = p.runner.Status(ctx)
			applied := leadsAll(s, all)
			for _, m := range all {
				applied = applied && m.Position >= head
			}
			if applied {
				return nil
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		return fmt.Errorf("the other instance has not taken over: %w", err)
	})
}

// TestAPausedLeaderIsFenced stops the instance that projects in the middle of its work, as a paused virtual machine does.
// The other one takes over; the first wakes up, changes nothing, and stands by.
func TestAPausedLeaderIsFenced(t *testing.T) {
	t.Parallel()
	rounds := 1
	if long, err := strconv.Atoi(os.Getenv(roundsSetting)); err == nil {
		rounds = max(1, long/3)
	}
	w := newWorld(t, postgrestest.URL(t))
	for round := range rounds {
		leader := w.serve(t, porttest.Free(t))
		other := w.serve(t, porttest.Free(t))
		require.True(t, leadsAll(leader, w.statuses(t)))
		l := startLoad(t, other.api)
		l.await(t, 50+rand.Int64N(100))
		leader.signal(t, syscall.SIGSTOP)
		stopped := time.Now()
		w.awaitLeader(t, other, stopped)
		took := time.Since(stopped)
		l.await(t, 50)
		before := w.statuses(t)
		leader.signal(t, syscall.SIGCONT)
		leader.awaitReady(t)
		l.await(t, 50)
		l.stop()
		after := w.statuses(t)
		for i, m := range after {
			assert.Equal(t, before[i].Epoch, m.Epoch, "%s: nobody led in between", m.Name)
			assert.True(t, other.holds(m.Leader), "%s is led by %s", m.Name, m.Leader)
		}
		t.Logf("round %d: took over after %s; %d rows equal a rebuild", round, took.Round(time.Millisecond), w.requireRebuilt(t))
		w.requireSecrets(t, l.secrets)
		leader.kill()
		other.kill()
	}
}
