package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// oracle knows what the log must hold after a crash: what clients were told is stored, and what was read before.
type oracle struct {
	sync.Mutex
	acknowledged map[uuid.UUID]told
	heads        map[string]uint64
	pending      map[string]attempt // by stream: appends whose outcome is unknown
	read         int                // events of the log that were read so far
	hash         [sha256.Size]byte  // of those, in order
}

type told struct {
	stream   string
	revision uint64
	last     uint64 // position of the last event of the append
}

// attempt is an append that may be repeated. The events of one say in their data which and how many they are.
type attempt struct {
	expected esdb.ExpectedRevision
	events   []esdb.EventData
}

type part struct {
	Append uuid.UUID
	N, Of  int
	Fill   []byte
}

func newOracle() *oracle {
	return &oracle{acknowledged: map[uuid.UUID]told{}, heads: map[string]uint64{}, pending: map[string]attempt{}, hash: sha256.Sum256(nil)}
}

// clone is the oracle as of a crash.
func (o *oracle) clone() *oracle {
	c := newOracle()
	maps.Copy(c.acknowledged, o.acknowledged)
	maps.Copy(c.heads, o.heads)
	maps.Copy(c.pending, o.pending)
	c.read, c.hash = o.read, o.hash
	return c
}

func newAttempt(expected esdb.ExpectedRevision, n int) attempt {
	a, id := attempt{expected: expected}, uuid.New()
	for i := range n {
		data, _ := json.Marshal(part{Append: id, N: i, Of: n, Fill: make([]byte, rand.IntN(300))})
		a.events = append(a.events, esdb.EventData{EventID: uuid.New(), EventType: "crash", ContentType: esdb.ContentTypeJson, Data: data})
	}
	return a
}

// write appends to one stream until the server is gone or ctx ends, each time expecting the revision it was told last.
// What was under way when it went is repeated by whoever writes to the stream next. After a few appends it says so. An
// append is never cancelled: the official client has a data race with that.
func (o *oracle) write(ctx context.Context, c *esdb.Client, stream string, enough chan<- struct{}) {
	for n := 0; ctx.Err() == nil; n++ {
		o.Lock()
		a, repeated := o.pending[stream]
		if !repeated {
			a = newAttempt(o.next(stream), 1+rand.IntN(4))
			o.pending[stream] = a
		}
		o.Unlock()
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		result, err := c.AppendToStream(call, stream, esdb.AppendToStreamOptions{ExpectedRevision: a.expected}, a.events...)
		cancel()
		if err != nil {
			return
		}
		o.Lock()
		for i, e := range a.events {
			o.acknowledged[e.EventID] = told{stream, result.NextExpectedVersion + 1 + uint64(i-len(a.events)), result.CommitPosition}
		}
		o.heads[stream] = result.NextExpectedVersion
		delete(o.pending, stream)
		o.Unlock()
		if n == 15 {
			enough <- struct{}{}
		}
	}
}

// next is what the stream's next append expects.
func (o *oracle) next(stream string) esdb.ExpectedRevision {
	head, exists := o.heads[stream]
	if !exists {
		return esdb.NoStream{}
	}
	return esdb.Revision(head)
}

// verify reads everything both ways, and requires it to be what it must.
func (o *oracle) verify(t *testing.T, c *esdb.Client) {
	t.Helper()
	o.Lock()
	defer o.Unlock()
	log := readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}})
	require.GreaterOrEqual(t, len(log), o.read, "nothing that was seen is gone")
	streams, at, hash := map[string][]place{}, map[uuid.UUID]place{}, sha256.New()
	if o.read == 0 {
		require.Equal(t, o.hash[:], hash.Sum(nil))
	}
	parts, last := map[uuid.UUID]int{}, uint64(0)
	for i, e := range log {
		r := e.Event
		p := place{r.EventID, r.EventNumber, r.Position.Commit}
		require.Greater(t, p.position, last, "positions increase")
		require.EqualValues(t, len(streams[r.StreamID]), p.revision, "revisions have no gap")
		require.Zero(t, at[p.id], "nothing is there twice")
		streams[r.StreamID], at[p.id], last = append(streams[r.StreamID], p), p, p.position
		countPart(t, parts, r)
		_, _ = fmt.Fprint(hash, p, r.StreamID, r.EventType, r.CreatedDate.UnixNano(), r.Data, r.UserMetadata)
		if i+1 == o.read {
			require.Equal(t, o.hash[:], hash.Sum(nil), "the log extends what was read before")
		}
	}
	o.read, o.hash = len(log), [sha256.Size]byte(hash.Sum(nil))
	for id, missing := range parts {
		require.Zero(t, missing, "append %s is there as a whole", id)
	}
	for id, s := range o.acknowledged {
		p, found := at[id]
		require.True(t, found, "an acknowledged event is there")
		require.True(t, p.revision == s.revision && p.position <= s.last, "where the writer was told")
	}
	for stream, want := range streams {
		requireStream(t, c, stream, want)
	}
}

type place struct {
	id                 uuid.UUID
	revision, position uint64
}

func countPart(t *testing.T, missing map[uuid.UUID]int, r *esdb.RecordedEvent) {
	t.Helper()
	if r.EventType != "crash" {
		return
	}
	var p part
	require.NoError(t, json.Unmarshal(r.Data, &p))
	if p.N == 0 {
		missing[p.Append] = p.Of
	}
	require.Equal(t, p.N, p.Of-missing[p.Append], "the events of an append are in order")
	missing[p.Append]--
}

// requireStream compares the index of a stream, read both ways, with what the log has of it.
func requireStream(t *testing.T, c *esdb.Client, stream string, want []place) {
	t.Helper()
	for _, direction := range []esdb.Direction{esdb.Forwards, esdb.Backwards} {
		from := map[esdb.Direction]esdb.StreamPosition{esdb.Forwards: esdb.Start{}, esdb.Backwards: esdb.End{}}[direction]
		got := readStream(t, c, stream, esdb.ReadStreamOptions{From: from, Direction: direction})
		require.Len(t, got, len(want), "index and log of %s agree", stream)
		for i, e := range got {
			if direction == esdb.Backwards {
				i = len(want) - 1 - i
			}
			require.True(t, want[i] == place{e.Event.EventID, e.Event.EventNumber, e.Event.Position.Commit})
		}
	}
}
