package access

import (
	"time"

	"github.com/google/uuid"
)

// MemberOf is memberOf.
var MemberOf = memberOf

// Unlock lets a member's session reveal until a time.
func (x *Index) Unlock(ws uuid.UUID, member, hash string, until time.Time, stream uuid.UUID, revision uint64) {
	s := x.spaces[ws]
	s.unlocks[session{s.members.live(member).Slot, hash}] = unlock{instantOf(until), stream, fact(revision + 1)}
}
