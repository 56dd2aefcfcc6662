package access

import (
	"slices"
	"time"

	"github.com/kdesk/client-secrets/domain"
)

// slot numbers one incarnation of a thing within its workspace, in the order in which the log first named it. 0 is none.
type slot uint32

// slots is a set in ascending order.
type slots []slot

func (s *slots) add(v slot) {
	if i, found := slices.BinarySearch(*s, v); !found {
		*s = slices.Insert(*s, i, v)
	}
}

func (s *slots) remove(v slot) {
	if i, found := slices.BinarySearch(*s, v); found {
		*s = slices.Delete(*s, i, i+1)
	}
	if len(*s) == 0 {
		*s = nil
	}
}

func (s slots) has(v slot) bool {
	_, found := slices.BinarySearch(s, v)
	return found
}

// fact is the revision of an event in its stream, plus one. 0 is none.
type fact uint32

// mark is the fact that something rests on, and who recorded it.
type mark struct {
	Fact fact
	By   name // id of the member or service account; none for the operator and the product itself
}

// name stands for an id or another short text that recurs. 0 is the empty text.
type name uint32

// names gives every text its number. Texts are never given up: they are few.
type names struct {
	number map[string]name
	texts  []string
}

func newNames() names { return names{map[string]name{"": 0}, []string{""}} }

func (n *names) put(text string) name {
	if v, ok := n.number[text]; ok {
		return v
	}
	v := name(len(n.texts))
	n.number[text] = v
	n.texts = append(n.texts, text)
	return v
}

// find returns the number of a text; false if no fact has named it.
func (n *names) find(text string) (name, bool) {
	v, ok := n.number[text]
	return v, ok
}

func (n *names) text(v name) string { return n.texts[v] }

// instant is a time in microseconds since 1970.
type instant int64

const never instant = 1<<63 - 1

func instantOf(t time.Time) instant { return instant(t.UnixMicro()) }

func instantOrNever(t *time.Time) instant {
	if t == nil {
		return never
	}
	return instantOf(*t)
}

func (i instant) time() time.Time { return time.UnixMicro(int64(i)).UTC() }

func factOf(r domain.Recorded) fact { return fact(r.Revision + 1) }

func (s *space) markOf(r domain.Recorded) mark {
	m := mark{Fact: factOf(r)}
	if k := r.Meta.Actor.Kind; k == domain.Member || k == domain.Service {
		m.By = s.names.put(r.Meta.Actor.ID)
	}
	return m
}
