package http

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	writersKept  = 50_000
	ownWriteWait = 2 * time.Second // a read is answered as it stands after that
)

// ownWrites remembers where in the log each caller's latest change is, so that whoever changed something finds it changed
// when they look next, on this instance. On another one they say so with X-Min-Position.
type ownWrites struct {
	latest *lru.Cache[writer, uint64]
}

type writer struct {
	workspace [16]byte
	actor     string
}

func newOwnWrites() ownWrites {
	latest, err := lru.New[writer, uint64](writersKept)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return ownWrites{latest}
}

func (w ownWrites) note(c *call, position uint64) { w.latest.Add(c.writer(), position) }

func (w ownWrites) of(c *call) uint64 {
	position, _ := w.latest.Peek(c.writer())
	return position
}

func (c *call) writer() writer { return writer{c.workspace, c.principalKey()} }
