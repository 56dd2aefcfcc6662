package verification

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// State is what decisions about a member's verification read. Its zero value is a member who never asked for a code.
// Evolve copies what it changes, so a State stays as it is.
type State struct {
	Challenges []Challenge       // those that a budget may still count, oldest first
	Unlocks    []UnlockedSession // in the order given
}

// Challenge is one code that was asked for.
type Challenge struct {
	ID          uuid.UUID
	Session     string
	KeyID       string
	RequestedAt time.Time
	ExpiresAt   time.Time
	Tries       []time.Time
	Sent        bool
	Unlocked    bool   // answered rightly
	Ended       Reason // empty unless it ended otherwise
}

// UnlockedSession is a session that may reveal until a time.
type UnlockedSession struct {
	Session string
	Until   time.Time
}

// Find returns the challenge with an id; false if there is none or it is hours old.
func (s State) Find(id uuid.UUID) (Challenge, bool) {
	for _, c := range s.Challenges {
		if c.ID == id {
			return c, true
		}
	}
	return Challenge{}, false
}

// Open tells whether the challenge has neither been answered nor ended. It may have expired.
func (c Challenge) Open() bool { return !c.Unlocked && c.Ended == "" }

// Evolve returns the state after an event. It fails on an event that is not a verification's.
func Evolve(s State, e domain.Event) (State, error) {
	switch e := e.(type) {
	case Requested:
		s = s.forget(e.At)
		s.Challenges = append(slices.Clip(s.Challenges), Challenge{
			ID: e.Challenge, Session: e.Session, KeyID: e.KeyID, RequestedAt: e.At, ExpiresAt: e.ExpiresAt,
		})
	case CodeSent:
		s = s.with(e.Challenge, func(c *Challenge) { c.Sent = true })
	case Attempted:
		s = s.with(e.Challenge, func(c *Challenge) { c.Tries = append(slices.Clip(c.Tries), e.At) })
	case Unlocked:
		s = s.with(e.Challenge, func(c *Challenge) { c.Unlocked = true })
		s.Unlocks = append(without(s.Unlocks, e.Session), UnlockedSession{e.Session, e.UnlockedUntil})
	case Locked:
		s.Unlocks = without(s.Unlocks, e.Session)
	case Ended:
		s = s.with(e.Challenge, func(c *Challenge) { c.Ended = e.Reason })
	default:
		return s, fmt.Errorf("a verification has no %s", e.EventType())
	}
	return s, nil
}

// forget drops what no decision from a time on reads.
func (s State) forget(now time.Time) State {
	s.Challenges = slices.DeleteFunc(slices.Clone(s.Challenges), func(c Challenge) bool { return now.Sub(c.ExpiresAt) > tryWindow })
	s.Unlocks = slices.DeleteFunc(slices.Clone(s.Unlocks), func(u UnlockedSession) bool { return !now.Before(u.Until) })
	return s
}

func (s State) with(id uuid.UUID, change func(*Challenge)) State {
	s.Challenges = slices.Clone(s.Challenges)
	for i := range s.Challenges {
		if s.Challenges[i].ID == id {
			change(&s.Challenges[i])
		}
	}
	return s
}

func without(unlocks []UnlockedSession, session string) []UnlockedSession {
	return slices.DeleteFunc(slices.Clone(unlocks), func(u UnlockedSession) bool { return u.Session == session })
}
