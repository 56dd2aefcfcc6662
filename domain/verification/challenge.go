package verification

import (
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

// What limits guessing. A code has a million values: with these, whoever holds a member's session guesses one with a
// probability of 1 in 100,000 an hour.
const (
	Validity     = 10 * time.Minute // of a code
	MaxTries     = 5                // of one challenge
	maxWrong     = 10               // wrong tries of a member in tryWindow
	tryWindow    = time.Hour
	maxRequested = 5 // challenges of a member in askWindow
	askWindow    = 15 * time.Minute
)

// Refusals of codes.
var (
	ErrNotFound     = domain.Refuse(domain.NotFound, "challenge_not_found", "this session did not ask for such a code")
	ErrEnded        = domain.Refuse(domain.Conflict, "challenge_ended", "this code is no longer valid: ask for a new one")
	ErrExpired      = domain.Refuse(domain.Conflict, "challenge_expired", "this code has expired: ask for a new one")
	ErrExhausted    = domain.Refuse(domain.TooMany, "too_many_attempts", "this code was tried as often as it may be: ask for a new one")
	ErrTooManyTries = domain.Refuse(domain.TooMany, "too_many_attempts", "too many wrong codes were tried: wait before you try again")
	ErrHeld         = domain.Refuse(domain.Conflict, "verification_held", "your mail address was changed lately: until whoever reads the former one had time to object, no codes are sent")
	ErrTooManyCodes = domain.Refuse(domain.TooMany, "too_many_codes", "too many codes were asked for: wait before you ask again")
)

// Wish is what somebody asks for: a challenge with an id of their command, for a member's session.
type Wish struct {
	Challenge uuid.UUID
	Member    string
	Session   string
	KeyID     string
}

// Request starts a challenge, valid for ten minutes, and ends the one before. The same wish again changes nothing. It is
// refused after five challenges in a quarter of an hour, and while no code could be tried.
func Request(s State, w Wish, now time.Time) ([]domain.Event, error) {
	if _, repeated := s.Find(w.Challenge); repeated {
		return nil, nil
	}
	if n, wait := s.requested(now); n >= maxRequested {
		return nil, ErrTooManyCodes.After(wait)
	}
	if n, wait := s.wrong(now); n >= maxWrong {
		return nil, ErrTooManyTries.After(wait)
	}
	var events []domain.Event
	for _, c := range s.Challenges {
		if c.Open() {
			events = append(events, Ended{c.ID, w.Member, passing(c, now)})
		}
	}
	at := domain.Millis(now)
	return append(events, Requested{w.Challenge, w.Member, w.Session, w.KeyID, at, at.Add(Validity)}), nil
}

func passing(c Challenge, now time.Time) Reason {
	if now.Before(c.ExpiresAt) {
		return Replaced
	}
	return Expired
}

// Attempt counts a try of a challenge by the session that asked for it. Only once that is recorded may the code be
// compared. It is refused after five tries of the challenge, after ten wrong ones of the member in an hour, and when the
// challenge is over.
func Attempt(s State, id uuid.UUID, member, session string, now time.Time) ([]domain.Event, error) {
	c, known := s.Find(id)
	if !known || c.Session != session {
		return nil, ErrNotFound
	}
	if n, wait := s.wrong(now); n >= maxWrong {
		return nil, ErrTooManyTries.After(wait)
	}
	switch {
	case c.Ended == Exhausted, c.Open() && len(c.Tries) >= MaxTries:
		return nil, ErrExhausted
	case !c.Open():
		return nil, ErrEnded
	case !now.Before(c.ExpiresAt):
		return nil, ErrExpired
	}
	return []domain.Event{Attempted{id, member, len(c.Tries) + 1, domain.Millis(now)}}, nil
}

// TriesLeft returns how often a challenge may still be tried, as far as is known now.
func TriesLeft(s State, id uuid.UUID, now time.Time) int {
	c, _ := s.Find(id)
	wrong, _ := s.wrong(now)
	return max(0, min(MaxTries-len(c.Tries), maxWrong-wrong))
}

// Unlock lets the session that asked for a challenge reveal until a time, after a try with the right code. It is refused
// when the challenge ended since that try.
func Unlock(s State, id uuid.UUID, member string, now, until time.Time) ([]domain.Event, error) {
	c, known := s.Find(id)
	switch {
	case !known:
		return nil, ErrNotFound
	case c.Unlocked:
		return nil, nil
	case !c.Open() || len(c.Tries) == 0:
		return nil, ErrEnded
	}
	return []domain.Event{Unlocked{id, member, c.Session, domain.Millis(now), domain.Millis(until)}}, nil
}

// Lock ends a session's unlock. A session that is not unlocked stays as it is.
func Lock(s State, member, session string, now time.Time) ([]domain.Event, error) {
	for _, u := range s.Unlocks {
		if u.Session == session && now.Before(u.Until) {
			return []domain.Event{Locked{member, session}}, nil
		}
	}
	return nil, nil
}

// End ends a challenge that is still open.
func End(s State, id uuid.UUID, member string, why Reason) ([]domain.Event, error) {
	if c, known := s.Find(id); !known || !c.Open() {
		return nil, nil
	}
	return []domain.Event{Ended{id, member, why}}, nil
}

// Sent notes that a challenge's code is on its way.
func Sent(s State, id uuid.UUID, member string, now time.Time) ([]domain.Event, error) {
	if c, known := s.Find(id); !known || c.Sent {
		return nil, nil
	}
	return []domain.Event{CodeSent{id, member, domain.Millis(now)}}, nil
}

// requested counts the challenges of the last quarter of an hour. wait is how long until one less counts.
func (s State) requested(now time.Time) (n int, wait time.Duration) {
	for _, c := range s.Challenges {
		if left := c.RequestedAt.Add(askWindow).Sub(now); left > 0 {
			if n == 0 {
				wait = left
			}
			n++
		}
	}
	return n, wait
}

// wrong counts the tries of the last hour that did not unlock. wait is how long until one less counts. A try that is still
// being compared counts as wrong.
func (s State) wrong(now time.Time) (n int, wait time.Duration) {
	for _, c := range s.Challenges {
		tries := c.Tries
		if c.Unlocked && len(tries) > 0 {
			tries = tries[:len(tries)-1]
		}
		for _, at := range tries {
			if left := at.Add(tryWindow).Sub(now); left > 0 {
				if n == 0 {
					wait = left
				}
				n++
			}
		}
	}
	return n, wait
}
