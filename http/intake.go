package http

import (
	"net"
	"slices"
	"sync"
	"time"
)

// intake bounds how many deliveries, each with its body in memory, are received at once. Nobody has signed in for them, so
// whoever sends slowly must not keep others out: when there is no room, the one that has been arriving for the longest is
// hung up on. A genuine one arrives in no time, and is not arriving any more while it is carried out.
type intake struct {
	mu       sync.Mutex
	inside   int
	arriving []net.Conn // whose bodies are still being read, the oldest first
}

// enter lets a delivery in; false if none of those inside is still arriving. What enters arrives until arrived, and is
// inside until leave.
func (i *intake) enter(conn net.Conn) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.inside >= receivedAtOnce {
		if len(i.arriving) == 0 {
			return false
		}
		_ = i.arriving[0].SetReadDeadline(time.Unix(1, 0)) // its read fails now, and it leaves
		i.arriving = i.arriving[1:]
	}
	i.inside++
	i.arriving = append(i.arriving, conn)
	return true
}

// arrived tells that a delivery's body was read, or could not be.
func (i *intake) arrived(conn net.Conn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.arriving = slices.DeleteFunc(i.arriving, func(c net.Conn) bool { return c == conn })
}

func (i *intake) leave() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inside--
}
