package reveal

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/storetest"
)

// counted is the real log that counts appends and can hold them up or fail them.
type counted struct {
	eventstore.Log
	mu      sync.Mutex
	appends int
	largest int                       // bytes
	hold    func(stream string) error // called before an append; nil for none
}

func (c *counted) Append(ctx context.Context, stream string, expected eventstore.Expected, events []eventstore.Proposed) (eventstore.Appended, error) {
	bytes := 0
	for _, e := range events {
		bytes += len(e.Data) + len(e.Metadata) + 2*len(e.Type)
	}
	c.mu.Lock()
	c.appends++
	c.largest = max(c.largest, bytes)
	hold := c.hold
	c.mu.Unlock()
	if hold != nil {
		if err := hold(stream); err != nil {
			return eventstore.Appended{}, err
		}
	}
	return c.Log.Append(ctx, stream, expected, events)
}

func newTestJournal(t *testing.T, hold func(string) error) (*journal, *counted) {
	log := &counted{Log: storetest.Open(t), hold: hold}
	return newJournal(log), log
}

func event(data string) eventstore.Proposed {
	text, _ := json.Marshal(data)
	return eventstore.Proposed{ID: uuid.New(), Type: "reveal.test.v1", Data: text, Metadata: []byte(`{}`)}
}

func stored(t *testing.T, log eventstore.Log, stream string) (ids []uuid.UUID) {
	for r, err := range log.ReadStream(t.Context(), stream, 0) {
		require.NoError(t, err)
		ids = append(ids, r.ID)
	}
	return ids
}

// sendTo returns an answer that goes to a channel with room for it.
func sendTo(ch chan<- error) func(error) { return func(err error) { ch <- err } }

// held returns a hold that blocks every append to a stream until release is called, and tells when one began.
func held(stream string) (hold func(string) error, began <-chan struct{}, release func()) {
	started, gate := make(chan struct{}, 100), make(chan struct{})
	return func(s string) error {
		if s == stream {
			started <- struct{}{}
			<-gate
		}
		return nil
	}, started, sync.OnceFunc(func() { close(gate) })
}

func TestAppendsAreShared(t *testing.T) {
	j, log := newTestJournal(t, nil)
	const events = 1000
	var running sync.WaitGroup
	for i := range events {
		running.Go(func() { assert.NoError(t, j.append(t.Context(), "reveals-a", event(fmt.Sprint(i)))) })
	}
	running.Wait()
	assert.Len(t, stored(t, log, "reveals-a"), events)
	assert.Less(t, log.appends, events/4)
	j.close()
	assert.Empty(t, j.streams, "nothing is kept of a stream at rest")
}

func TestWaitersShareTheNextAppendInOrder(t *testing.T) {
	hold, began, release := held("reveals-a")
	j, log := newTestJournal(t, hold)
	done := make(chan error, 101)
	var ids []uuid.UUID
	for range cap(done) {
		e := event("x")
		ids = append(ids, e.ID)
		j.submit("reveals-a", e, sendTo(done))
		if len(ids) == 1 {
			<-began
		}
	}
	require.NoError(t, j.append(t.Context(), "reveals-b", event("y")), "another stream does not wait")
	assert.Empty(t, done, "nobody hears of an event that is not durable")
	release()
	for range cap(done) {
		assert.NoError(t, <-done)
	}
	assert.Equal(t, ids, stored(t, log, "reveals-a"))
	assert.Equal(t, 3, log.appends, "the first, the one to another stream, and all that waited")
}

func TestAppendsStayWithinTheirBounds(t *testing.T) {
	hold, began, release := held("reveals-a")
	j, log := newTestJournal(t, hold)
	done := make(chan error, 20)
	j.submit("reveals-a", event("first"), sendTo(done))
	<-began
	for range cap(done) - 2 {
		j.submit("reveals-a", event(strings.Repeat("x", 100<<10)), sendTo(done))
	}
	j.submit("reveals-a", event(strings.Repeat("x", 700<<10)), sendTo(done))
	release()
	for range cap(done) {
		assert.NoError(t, <-done)
	}
	assert.Len(t, stored(t, log, "reveals-a"), 20)
	assert.Equal(t, 1+4+1, log.appends, "five of 100 KiB at a time, and one by itself that is too long to share")
	assert.Less(t, log.largest, eventstore.MaxAppendBytes)
}

func TestFailureReachesEveryWaiterOnce(t *testing.T) {
	hold, began, release := held("reveals-a")
	j, log := newTestJournal(t, func(s string) error {
		_ = hold(s)
		return eventstore.ErrUnavailable
	})
	done := make(chan error, 50)
	j.submit("reveals-a", event("first"), sendTo(done))
	<-began
	for range 29 {
		j.submit("reveals-a", event("x"), sendTo(done))
	}
	release()
	for range 30 {
		assert.ErrorIs(t, <-done, eventstore.ErrUnavailable)
	}
	log.mu.Lock()
	log.hold = nil
	log.mu.Unlock()
	assert.NoError(t, j.append(t.Context(), "reveals-a", event("later")), "it goes on by itself")
	j.close()
	assert.Empty(t, done, "nobody is told twice")
}

func TestNoMoreThanABoundWaits(t *testing.T) {
	hold, began, release := held("reveals-a")
	j, log := newTestJournal(t, hold)
	done := make(chan error, maxWaiting+2)
	j.submit("reveals-a", event("first"), sendTo(done))
	<-began
	for range maxWaiting {
		j.submit("reveals-a", event("x"), sendTo(done))
	}
	assert.Empty(t, done)
	j.submit("reveals-a", event("one too many"), sendTo(done))
	assert.ErrorIs(t, <-done, errOverloaded)
	release()
	for range maxWaiting + 1 {
		require.NoError(t, <-done)
	}
	assert.LessOrEqual(t, log.appends, 1+maxWaiting/maxTogether)
}

func TestCloseDrains(t *testing.T) {
	hold, began, release := held("reveals-a")
	j, log := newTestJournal(t, hold)
	done := make(chan error, 10)
	j.submit("reveals-a", event("first"), sendTo(done))
	<-began
	for range 9 {
		j.submit("reveals-a", event("x"), sendTo(done))
	}
	closed := make(chan struct{})
	go func() {
		j.close()
		close(closed)
	}()
	require.Eventually(t, func() bool { return j.append(t.Context(), "reveals-b", event("probe")) != nil }, 10*time.Second, time.Millisecond)
	assert.ErrorIs(t, j.append(t.Context(), "reveals-b", event("later")), errOverloaded)
	select {
	case <-closed:
		t.Error("it is closed only when all is through")
	default:
	}
	release()
	<-closed
	require.Len(t, done, 10)
	for range 10 {
		assert.NoError(t, <-done)
	}
	assert.Len(t, stored(t, log, "reveals-a"), 10)
	assert.Empty(t, j.streams)
}

func TestWaitingForTheLogEndsWithItsContext(t *testing.T) {
	hold, began, release := held("reveals-a")
	j, _ := newTestJournal(t, hold)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	assert.ErrorIs(t, j.append(ctx, "reveals-a", event("x")), context.Canceled)
}
