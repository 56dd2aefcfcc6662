package http

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/kdesk/client-secrets/domain"
)

const (
	maxRefusals   = 10 // of one caller in refusalWindow, in this process
	refusalWindow = 15 * time.Minute
	refusedAtOnce = 10_000 // callers that are remembered
)

var errManyRefused = domain.Refuse(domain.TooMany, "too_many_attempts", "too many were wrong: wait before you try again")

// refusals counts how often callers were wrong lately, each by a key of theirs. Make it with newRefusals.
type refusals struct {
	mu    sync.Mutex
	since *lru.Cache[string, []time.Time] // oldest first
}

func newRefusals() *refusals {
	cache, err := lru.New[string, []time.Time](refusedAtOnce)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &refusals{since: cache}
}

// check refuses a caller who was wrong too often.
func (r *refusals) check(who string, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	lately, _ := r.since.Get(who)
	if n := len(lately); n >= maxRefusals {
		if wait := lately[n-maxRefusals].Add(refusalWindow).Sub(now); wait > 0 {
			return errManyRefused.After(wait)
		}
	}
	return nil
}

// note counts that a caller was wrong.
func (r *refusals) note(who string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lately, _ := r.since.Get(who)
	r.since.Add(who, append(lately[max(0, len(lately)-maxRefusals+1):len(lately):len(lately)], now))
}
