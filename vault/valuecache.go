package vault

import (
	"math"
	"sync"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// perValue is a guess of what a cached row costs besides its ciphertext: map and list entries, ids and names.
const perValue = 400

// valueCache keeps the most recently used ciphertext, up to a budget in bytes. Rows never change, so an entry is either
// right or gone.
type valueCache struct {
	budget int

	mu      sync.Mutex
	used    int
	lru     *simplelru.LRU[uuid.UUID, Ciphertext]
	byOwner map[Owner]map[uuid.UUID]struct{}
}

func newValueCache(budget int) *valueCache {
	c := &valueCache{budget: budget, byOwner: map[Owner]map[uuid.UUID]struct{}{}}
	l, err := simplelru.NewLRU(math.MaxInt, c.evicted)
	if err != nil {
		panic(err) // only for a size below 1
	}
	c.lru = l
	return c
}

// evicted keeps the sum and the index in step; the lru calls it, under mu, for whatever leaves.
func (c *valueCache) evicted(id uuid.UUID, ct Ciphertext) {
	c.used -= perValue + len(ct.Bytes)
	ids := c.byOwner[ct.owner]
	delete(ids, id)
	if len(ids) == 0 {
		delete(c.byOwner, ct.owner)
	}
}

// take moves the cached ones of ids into found and returns the others.
func (c *valueCache) take(ids []uuid.UUID, found map[uuid.UUID]Ciphertext) (missing []uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if ct, ok := c.lru.Get(id); ok {
			found[id] = ct
		} else {
			missing = append(missing, id)
		}
	}
	return missing
}

func (c *valueCache) add(rows map[uuid.UUID]Ciphertext) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, ct := range rows {
		if c.lru.Contains(id) || perValue+len(ct.Bytes) > c.budget {
			continue
		}
		c.lru.Add(id, ct)
		c.used += perValue + len(ct.Bytes)
		if c.byOwner[ct.owner] == nil {
			c.byOwner[ct.owner] = map[uuid.UUID]struct{}{}
		}
		c.byOwner[ct.owner][id] = struct{}{}
		for c.used > c.budget {
			c.lru.RemoveOldest()
		}
	}
}

func (c *valueCache) forget(o Owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.byOwner[o] {
		c.lru.Remove(id)
	}
}
