package vault

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// keyCache keeps the most recently used subjects' keys ready. What is forgotten while a load is under way is not put
// back by that load: it may have read the row before it was destroyed.
type keyCache struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[Owner, *dek]
	loads map[*keyLoad]struct{}
}

// keyLoad is one load under way, and what was forgotten meanwhile.
type keyLoad struct{ forgotten map[Owner]struct{} }

func newKeyCache(entries int) *keyCache {
	l, err := simplelru.NewLRU[Owner, *dek](entries, nil)
	if err != nil {
		panic(err) // only for a size below 1, which Config.complete excludes
	}
	return &keyCache{lru: l, loads: map[*keyLoad]struct{}{}}
}

func (c *keyCache) get(o Owner) (*dek, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Get(o)
}

// missing returns those of owners that are not cached, each once.
func (c *keyCache) missing(owners []Owner) []Owner {
	c.mu.Lock()
	defer c.mu.Unlock()
	var missing []Owner
	seen := map[Owner]struct{}{}
	for _, o := range owners {
		if _, ok := c.lru.Get(o); ok {
			continue
		}
		if _, ok := seen[o]; !ok {
			seen[o] = struct{}{}
			missing = append(missing, o)
		}
	}
	return missing
}

// begin is called before the database is read, end after, with what may be cached.
func (c *keyCache) begin() *keyLoad {
	l := &keyLoad{forgotten: map[Owner]struct{}{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loads[l] = struct{}{}
	return l
}

func (c *keyCache) end(l *keyLoad, found map[Owner]*dek) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.loads, l)
	for o, k := range found {
		if _, gone := l.forgotten[o]; !gone && k.final() {
			c.lru.Add(o, k)
		}
	}
}

func (c *keyCache) forget(o Owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lru.Remove(o)
	for l := range c.loads {
		l.forgotten[o] = struct{}{}
	}
}
