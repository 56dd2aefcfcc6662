package access

import (
	"bytes"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	members "github.com/kdesk/client-secrets/domain/member"
	events "github.com/kdesk/client-secrets/domain/verification"
)

// challenge is the code that a member's session was asked for last and that may still unlock it.
type challenge struct {
	ID      uuid.UUID
	Session string
	Expires instant
}

func (x *Index) applyVerification(r domain.Recorded, stream uuid.UUID) error {
	id, ok := verifiedMember(r.Event)
	if !ok {
		return errUnknown
	}
	if domain.DirectoryStream(r.Meta.Workspace, domain.VerificationKind, id) != r.Stream {
		return errForeign
	}
	s := x.space(r.Meta.Workspace)
	m := s.members.live(id)
	if m == nil {
		return nil
	}
	switch e := r.Event.(type) {
	case events.Requested:
		if m.held(instantOf(e.At)) {
			break // it cannot unlock anything, and its code is not sent
		}
		s.challenges[m.Slot] = challenge{e.Challenge, e.Session, instantOf(e.ExpiresAt)}
	case events.Unlocked:
		s.unlock(m, stream, r, e)
	case events.Locked:
		delete(s.unlocks, session{m.Slot, e.Session})
	case events.Ended:
		if s.challenges[m.Slot].ID == e.Challenge {
			delete(s.challenges, m.Slot)
		}
	}
	s.sweepUnlocks(r)
	return nil
}

// verifiedMember returns whose verification an event is about; false if it is no such event.
func verifiedMember(e domain.Event) (string, bool) {
	switch e := e.(type) {
	case events.Requested:
		return e.Member, true
	case events.CodeSent:
		return e.Member, true
	case events.Attempted:
		return e.Member, true
	case events.Unlocked:
		return e.Member, true
	case events.Locked:
		return e.Member, true
	case events.Ended:
		return e.Member, true
	}
	return "", false
}

// unlock lets the session reveal that asked for the code, unless what happened since has taken the challenge away.
func (s *space) unlock(m *member, stream uuid.UUID, r domain.Recorded, e events.Unlocked) {
	c, pending := s.challenges[m.Slot]
	if !pending || c.ID != e.Challenge || c.Session != e.Session || e.Session == "" {
		return
	}
	delete(s.challenges, m.Slot)
	s.unlocks[session{m.Slot, e.Session}] = unlock{instantOf(e.UnlockedUntil), stream, factOf(r)}
}

// lockMember ends a member's unlocks and the challenge that could have brought another.
func (s *space) lockMember(m *member) {
	delete(s.challenges, m.Slot)
	for k := range s.unlocks {
		if k.Member == m.Slot {
			delete(s.unlocks, k)
		}
	}
}

// lockAll does so for everybody.
func (s *space) lockAll() {
	clear(s.challenges)
	clear(s.unlocks)
}

// locks tells whether what the directory says of a member now ends his unlocks: they were for whoever reads that mail.
func (m *member) locks(e members.Synced) bool {
	return !e.Active || !bytes.Equal(m.EmailHash, e.EmailHash)
}

// AddressHold is how long nothing is unlocked by mail after a member's address has taken another one's place: time for whoever
// reads the former one to object. It is part of the fold, so that nobody's settings shorten it.
const AddressHold = 24 * time.Hour

// moves tells whether what the directory says gives a member, of this incarnation, another address than he had: also by way
// of none.
func (m *member) moves(e members.Synced) bool {
	return !bytes.Equal(m.EmailHash, e.EmailHash) && (len(m.EmailHash) > 0 || m.Moved != 0)
}

// held tells whether nothing is unlocked for the member at a time.
func (m *member) held(at instant) bool { return m.Moved != 0 && at < m.heldUntil() }

func (m *member) heldUntil() instant { return m.Moved + instant(AddressHold.Microseconds()) }

// sweepAfter is how long what is over is kept. Decisions are made at their own time, which on another machine may be a
// little before that of an event already applied.
const sweepAfter = instant(60 * 60 * 1_000_000)

// sweepUnlocks drops, at most once a minute, what is over for long.
func (s *space) sweepUnlocks(r domain.Recorded) {
	now := minuteOf(r.At)
	if now <= s.unlocksSwept {
		return
	}
	s.unlocksSwept = now
	before := instantOf(r.At) - sweepAfter
	for k, u := range s.unlocks {
		if u.Until < before {
			delete(s.unlocks, k)
		}
	}
	for at, c := range s.challenges {
		if c.Expires < before {
			delete(s.challenges, at)
		}
	}
}
