package vault

import (
	"context"
	"sync"
	"time"
)

const (
	// gatherLimit bounds how many keys join one shared read; a single caller may ask for more.
	gatherLimit = 1000
	// gatherTimeout ends a shared read, which outlives any one caller's context.
	gatherTimeout = 15 * time.Second
)

// gather turns many concurrent small reads into few large ones: while one read is in flight, callers gather for the
// next. A caller never joins a read that has already started, so it sees everything committed before it asked.
// A read returns what it found; keys that do not exist are absent from the map.
type gather[K comparable, V any] struct {
	read func(ctx context.Context, keys []K) (map[K]V, error)

	mu      sync.Mutex
	running bool
	waiting []*gathering[K, V]
}

type gathering[K comparable, V any] struct {
	keys  map[K]struct{}
	done  chan struct{}
	found map[K]V // shared by all who joined: read only
	err   error
}

// get reads keys together with whoever asks at the same time. The map may hold more than was asked for.
func (g *gather[K, V]) get(ctx context.Context, keys []K) (map[K]V, error) {
	g.mu.Lock()
	joined := g.join(keys)
	if !g.running {
		g.running = true
		go g.run(context.WithoutCancel(ctx))
	}
	g.mu.Unlock()
	select {
	case <-joined.done:
		return joined.found, joined.err
	case <-ctx.Done():
		return nil, databaseError(ctx.Err())
	}
}

func (g *gather[K, V]) join(keys []K) *gathering[K, V] {
	var last *gathering[K, V]
	if n := len(g.waiting); n > 0 && len(g.waiting[n-1].keys)+len(keys) <= gatherLimit {
		last = g.waiting[n-1]
	} else {
		last = &gathering[K, V]{keys: make(map[K]struct{}, len(keys)), done: make(chan struct{})}
		g.waiting = append(g.waiting, last)
	}
	for _, k := range keys {
		last.keys[k] = struct{}{}
	}
	return last
}

// run reads until nobody waits.
func (g *gather[K, V]) run(ctx context.Context) {
	for {
		g.mu.Lock()
		if len(g.waiting) == 0 {
			g.running = false
			g.mu.Unlock()
			return
		}
		next := g.waiting[0]
		g.waiting = g.waiting[1:]
		g.mu.Unlock()

		keys := make([]K, 0, len(next.keys))
		for k := range next.keys {
			keys = append(keys, k)
		}
		readCtx, cancel := context.WithTimeout(ctx, gatherTimeout)
		next.found, next.err = g.read(readCtx, keys)
		cancel()
		close(next.done)
	}
}
