package access

import "github.com/google/uuid"

// node is what every incarnation of a directory thing has.
type node struct {
	Slot        slot
	ID          string
	Stream      uuid.UUID
	Live        bool // false while it has only been named by others
	Incarnation int
	Synced      mark // the latest sync
}

func (n *node) self() *node { return n }

// incarnation returns an event's number of an incarnation: those written before there were numbers are of the first.
func incarnation(number int) int { return max(number, 1) }

// is tells whether a fact that names an incarnation is about this one. 0 names whichever was there.
func (n *node) is(number int) bool { return number == 0 || number == n.Incarnation }

// thing is a pointer to a struct that embeds a node.
type thing[T any] interface {
	*T
	self() *node
}

// table holds the incarnations of one kind of directory thing.
type table[T any, P thing[T]] struct {
	current map[string]slot // by id: the live incarnation, else the one to come that others have named already
	all     []*T            // by slot; nil once removed. The first is unused
	there   int             // how many are live
}

func newTable[T any, P thing[T]]() table[T, P] {
	return table[T, P]{current: map[string]slot{}, all: make([]*T, 1)}
}

// live returns the incarnation that is there now; nil if none is.
func (t *table[T, P]) live(id string) P { return t.at(t.current[id]) }

// at returns the incarnation in a slot; nil unless it is there now.
func (t *table[T, P]) at(s slot) P {
	if p := t.known(s); p != nil && p.self().Live {
		return p
	}
	return nil
}

// known returns the incarnation in a slot, be it there or still to come; nil once removed.
func (t *table[T, P]) known(s slot) P {
	if int(s) >= len(t.all) {
		return nil
	}
	return t.all[s]
}

// named returns the incarnation that a fact names by id and number; nil unless it is there now.
func (t *table[T, P]) named(id string, number int) P {
	if p := t.live(id); p != nil && p.self().is(number) {
		return p
	}
	return nil
}

// stream returns the stream of the incarnation that is there now; uuid.Nil if none is.
func (t *table[T, P]) stream(id string) uuid.UUID {
	if p := t.live(id); p != nil {
		return p.self().Stream
	}
	return uuid.Nil
}

// expect returns the incarnation that a directory fact about an id is about: the live one or the next to come.
func (t *table[T, P]) expect(id string) P {
	if p := t.known(t.current[id]); p != nil {
		return p
	}
	p := P(new(T))
	n := p.self()
	n.Slot, n.ID = slot(len(t.all)), id
	t.all = append(t.all, p)
	t.current[id] = n.Slot
	return p
}

// arrive makes an incarnation live that was expected, if it is not yet.
func (t *table[T, P]) arrive(p P, stream uuid.UUID, number int) {
	n := p.self()
	if !n.Live {
		t.there++
	}
	n.Live, n.Stream, n.Incarnation = true, stream, incarnation(number)
}

// remove ends a live incarnation.
func (t *table[T, P]) remove(p P) {
	n := p.self()
	t.there--
	t.all[n.Slot] = nil
	delete(t.current, n.ID)
}
