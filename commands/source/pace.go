package source

import (
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/workspace"
)

// A source may send so many deliveries; only genuine ones count, so that nobody else can use them up.
const (
	perSecond  = 50
	atOnce     = 500
	rateWait   = 5 * time.Second // told to who sends more
	pacedAtAll = 10_000          // sources whose rate is kept; beyond that all start anew
)

var errTooMany = domain.Refuse(domain.TooMany, "too_many_deliveries", "the source sends more than it may; deliver again later").After(rateWait)

// pace bounds how fast each source may send.
type pace struct {
	mu       sync.Mutex
	limiters map[paced]*rate.Limiter
}

type paced struct {
	workspace uuid.UUID
	source    workspace.Source
}

func newPace() *pace { return &pace{limiters: map[paced]*rate.Limiter{}} }

// take counts a delivery, or refuses it.
func (p *pace) take(ws uuid.UUID, source workspace.Source) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	limiter, ok := p.limiters[paced{ws, source}]
	if !ok {
		if len(p.limiters) >= pacedAtAll {
			clear(p.limiters)
		}
		limiter = rate.NewLimiter(perSecond, atOnce)
		p.limiters[paced{ws, source}] = limiter
	}
	if !limiter.Allow() {
		return errTooMany
	}
	return nil
}
