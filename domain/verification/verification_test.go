package verification_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/domaintest"
	. "github.com/kdesk/client-secrets/domain/verification"
)

const sam, session = "desk:sam", "hash of a session"

var (
	noon  = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	first = id(1)
)

func id(n byte) uuid.UUID { return uuid.UUID{15: n} }

func in(d time.Duration) time.Time { return noon.Add(d) }

func minutes(n int) time.Time { return in(time.Duration(n) * time.Minute) }

type rule = func(State) ([]domain.Event, error)

func request(n byte, at time.Time) rule {
	return func(s State) ([]domain.Event, error) { return Request(s, Wish{id(n), sam, session, "key"}, at) }
}

func attempt(n byte, by string, at time.Time) rule {
	return func(s State) ([]domain.Event, error) { return Attempt(s, id(n), sam, by, at) }
}

func unlock(n byte) rule {
	return func(s State) ([]domain.Event, error) { return Unlock(s, id(n), sam, minutes(2), minutes(17)) }
}

func lock(by string, at time.Time) rule {
	return func(s State) ([]domain.Event, error) { return Lock(s, sam, by, at) }
}

func end(n byte) rule {
	return func(s State) ([]domain.Event, error) { return End(s, id(n), sam, Withdrawn) }
}

func sent(n byte) rule {
	return func(s State) ([]domain.Event, error) { return Sent(s, id(n), sam, minutes(1)) }
}

func requested(n byte, at time.Time) Requested {
	return Requested{id(n), sam, session, "key", at, at.Add(Validity)}
}

// tried are tries of a challenge, one a second.
func tried(n byte, times int, from time.Time) (events []domain.Event) {
	for i := range times {
		events = append(events, Attempted{id(n), sam, i + 1, from.Add(time.Duration(i) * time.Second)})
	}
	return events
}

func events(parts ...any) (all []domain.Event) {
	for _, p := range parts {
		switch p := p.(type) {
		case domain.Event:
			all = append(all, p)
		case []domain.Event:
			all = append(all, p...)
		}
	}
	return all
}

func TestCodes(t *testing.T) {
	asked := events(requested(1, noon))
	unlocked := Unlocked{first, sam, session, minutes(2), minutes(17)}
	open := events(asked, tried(1, 1, minutes(1)), unlocked)
	five := events(requested(1, noon), requested(2, minutes(1)), requested(3, minutes(2)), requested(4, minutes(3)), requested(5, minutes(4)))
	ten := events(requested(1, noon), tried(1, 5, noon), Ended{first, sam, Exhausted}, requested(2, minutes(1)), tried(2, 5, minutes(1)))
	domaintest.Run(t, Evolve, []domaintest.Case[State]{
		{Name: "a code is asked for", When: request(1, noon), Then: asked},
		{Name: "times are kept in milliseconds", When: request(1, noon.Add(time.Nanosecond)), Then: asked},
		{Name: "a new code replaces the one before", Given: asked, When: request(2, minutes(3)),
			Then: events(Ended{first, sam, Replaced}, requested(2, minutes(3)))},
		{Name: "or notices that it has expired", Given: asked, When: request(2, minutes(10)),
			Then: events(Ended{first, sam, Expired}, requested(2, minutes(10)))},
		{Name: "one that ended stays as it is", Given: events(asked, Ended{first, sam, Withdrawn}), When: request(2, minutes(1)),
			Then: events(requested(2, minutes(1)))},
		{Name: "five codes in a quarter of an hour are enough", Given: five, When: request(6, minutes(14)), Err: ErrTooManyCodes},
		{Name: "then there may be one more", Given: five, When: request(6, minutes(15)),
			Then: events(Ended{id(1), sam, Expired}, Ended{id(2), sam, Expired}, Ended{id(3), sam, Expired}, Ended{id(4), sam, Expired},
				Ended{id(5), sam, Expired}, requested(6, minutes(15)))},
		{Name: "no code is sent that could not be tried", Given: ten, When: request(3, minutes(20)), Err: ErrTooManyTries},
		{Name: "an hour later it can", Given: ten, When: request(3, minutes(61)),
			Then: events(Ended{id(2), sam, Expired}, requested(3, minutes(61)))},

		{Name: "a try is counted", Given: asked, When: attempt(1, session, minutes(1)), Then: tried(1, 1, minutes(1)), Repeatable: true},
		{Name: "and the next one", Given: events(asked, tried(1, 1, minutes(1))), When: attempt(1, session, minutes(2)),
			Then: events(Attempted{first, sam, 2, minutes(2)}), Repeatable: true},
		{Name: "another session cannot try", Given: asked, When: attempt(1, "another", minutes(1)), Err: ErrNotFound},
		{Name: "nor can anybody try what was not asked for", When: attempt(1, session, minutes(1)), Err: ErrNotFound},
		{Name: "the fifth try is the last", Given: events(asked, tried(1, 4, noon)), When: attempt(1, session, minutes(1)),
			Then: events(Attempted{first, sam, 5, minutes(1)})},
		{Name: "a sixth is refused", Given: events(asked, tried(1, 5, noon)), When: attempt(1, session, minutes(1)), Err: ErrExhausted},
		{Name: "also once that is on record", Given: events(asked, tried(1, 5, noon), Ended{first, sam, Exhausted}),
			When: attempt(1, session, minutes(1)), Err: ErrExhausted},
		{Name: "a code ends at its very expiry", Given: asked, When: attempt(1, session, minutes(10)), Err: ErrExpired},
		{Name: "and not before", Given: asked, When: attempt(1, session, minutes(10).Add(-time.Millisecond)), Repeatable: true,
			Then: events(Attempted{first, sam, 1, minutes(10).Add(-time.Millisecond)})},
		{Name: "a replaced code is over", Given: events(asked, Ended{first, sam, Replaced}, requested(2, noon)),
			When: attempt(1, session, minutes(1)), Err: ErrEnded},
		{Name: "a code works once", Given: open, When: attempt(1, session, minutes(3)), Err: ErrEnded},
		{Name: "ten wrong tries an hour are enough, whatever the code", When: attempt(3, session, minutes(59)), Err: ErrTooManyTries,
			Given: events(ten, requested(3, minutes(59)))},
		{Name: "the right one does not count against them", Repeatable: true, When: attempt(4, session, minutes(6)),
			Given: events(requested(1, noon), tried(1, 5, noon), unlocked, requested(2, minutes(1)), tried(2, 5, minutes(1)), requested(4, minutes(6))),
			Then:  events(Attempted{id(4), sam, 1, minutes(6)})},

		{Name: "the right code unlocks", Given: events(asked, tried(1, 1, minutes(1))), When: unlock(1), Then: events(unlocked)},
		{Name: "twice is once", Given: open, When: unlock(1)},
		{Name: "without a try nothing unlocks", Given: asked, When: unlock(1), Err: ErrEnded},
		{Name: "nor does a code that ended meanwhile", Given: events(asked, tried(1, 1, minutes(1)), Ended{first, sam, Replaced}), When: unlock(1), Err: ErrEnded},
		{Name: "nor one that nobody asked for", When: unlock(1), Err: ErrNotFound},

		{Name: "a session locks itself again", Given: open, When: lock(session, minutes(3)), Then: events(Locked{sam, session})},
		{Name: "not another one", Given: open, When: lock("another", minutes(3))},
		{Name: "one that is locked already stays so", Given: events(open, Locked{sam, session}), When: lock(session, minutes(3))},
		{Name: "so does one whose time is over", Given: open, When: lock(session, minutes(17))},

		{Name: "an open challenge is ended", Given: asked, When: end(1), Then: events(Ended{first, sam, Withdrawn})},
		{Name: "an answered one is not", Given: open, When: end(1)},
		{Name: "nor one that is not there", When: end(1)},
		{Name: "a code is sent", Given: asked, When: sent(1), Then: events(CodeSent{first, sam, minutes(1)})},
		{Name: "once", Given: events(asked, CodeSent{first, sam, noon}), When: sent(1)},
		{Name: "also if it was answered before that was noted", Given: open, When: sent(1), Then: events(CodeSent{first, sam, minutes(1)})},
	})
	domaintest.RefusesUnknown(t, Evolve)
}

func TestRefusalsSayHowLongToWait(t *testing.T) {
	wait := func(when rule, given []domain.Event) time.Duration {
		_, err := when(domaintest.Fold(t, Evolve, State{}, given))
		var refusal *domain.Error
		require.True(t, errors.As(err, &refusal))
		return refusal.Wait
	}
	five := events(requested(1, noon), requested(2, noon), requested(3, noon), requested(4, noon), requested(5, noon))
	assert.Equal(t, 14*time.Minute, wait(request(6, minutes(1)), five))
	ten := events(requested(1, noon), tried(1, 5, minutes(5)), requested(2, minutes(10)), tried(2, 5, minutes(10)), requested(3, minutes(20)))
	assert.Equal(t, 35*time.Minute, wait(attempt(3, session, minutes(30)), ten))
	assert.Equal(t, 35*time.Minute, wait(request(4, minutes(30)), ten))
}

func TestTriesLeft(t *testing.T) {
	left := func(given ...any) int {
		return TriesLeft(domaintest.Fold(t, Evolve, State{}, events(given...)), id(9), minutes(30))
	}
	assert.Equal(t, 4, left(requested(9, minutes(29)), tried(9, 1, minutes(30))))
	assert.Equal(t, 1, left(requested(1, minutes(1)), tried(1, 5, minutes(2)), requested(2, minutes(5)), tried(2, 3, minutes(6)),
		requested(9, minutes(29)), tried(9, 1, minutes(30))))
	assert.Equal(t, 0, left(requested(9, minutes(29)), tried(9, 5, minutes(30))))
}

// Whatever somebody does, and in whatever order, no more than ten tries an hour are wrong, and five of one challenge.
func TestNoOrderOfThingsAllowsMoreGuesses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, now, asked := State{}, noon, byte(0)
		tries := map[uuid.UUID]int{}
		var at []time.Time
		for range rapid.IntRange(0, 200).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(rt, "pause")) * time.Second)
			when := attempt(byte(rapid.IntRange(max(1, int(asked)-2), max(1, int(asked))).Draw(rt, "which")), session, now)
			if rapid.IntRange(0, 3).Draw(rt, "what") == 0 {
				when = request(asked+1, now)
			}
			events, err := when(s)
			if err != nil {
				continue
			}
			for _, e := range events {
				s, err = Evolve(s, e)
				require.NoError(rt, err)
				switch e := e.(type) {
				case Requested:
					asked++
				case Attempted:
					tries[e.Challenge]++
					at = append(at, e.At)
					require.LessOrEqual(rt, tries[e.Challenge], 5)
				}
			}
			if n := len(at); n > 10 {
				require.GreaterOrEqual(rt, at[n-1].Sub(at[n-11]), time.Hour)
			}
		}
	})
}
