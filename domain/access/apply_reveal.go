package access

import (
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	events "github.com/kdesk/client-secrets/domain/reveal"
)

func (x *Index) applyReveals(r domain.Recorded, id uuid.UUID) error {
	if id != r.Meta.Workspace {
		return errForeign
	}
	switch e := r.Event.(type) {
	case events.FieldRevealed:
		s := x.space(id)
		s.reveals.count(s.names.put(e.Member), r.At)
	case events.FileDownloaded:
		s := x.space(id)
		s.reveals.count(s.names.put(e.Member), r.At)
	case events.Denied, events.Withheld, events.LimitReached:
	default:
		return errUnknown
	}
	return nil
}

// reveals counts each member's reveals of about the last hour, minute by minute. A reveal that was withheld stays counted:
// the limit errs on the side of fewer.
type reveals struct {
	windows map[name][]minute // by member or service account, in the order recorded
	swept   int64             // the minute in which those without recent reveals were last dropped
}

// minute holds how many reveals there were in one minute since 1970.
type minute struct {
	At    int64
	Count uint32
}

const window = 60 // minutes that count besides the running one

func (v *reveals) count(who name, at time.Time) {
	now := minuteOf(at)
	list := v.windows[who]
	if n := len(list); n > 0 && list[n-1].At == now {
		list[n-1].Count++
		return
	}
	keep := list[:0]
	for _, m := range list {
		if m.At+window >= now {
			keep = append(keep, m)
		}
	}
	v.windows[who] = append(keep, minute{now, 1})
	v.sweep(now)
}

// sweep drops the members who have revealed nothing for an hour.
func (v *reveals) sweep(now int64) {
	if now <= v.swept {
		return
	}
	v.swept = now
	for who, list := range v.windows {
		if list[len(list)-1].At+window < now {
			delete(v.windows, who)
		}
	}
}

// below returns when fewer of a member's reveals than a limit count, from a time on and if there come no more of them. Those of
// the last hour count, and of what its first minute had before.
func (v *reveals) below(limit int, who name, at time.Time) time.Time {
	now, n := minuteOf(at), 0
	for _, m := range v.windows[who] {
		if m.At+window >= now {
			n += int(m.Count)
		}
	}
	until := at
	for _, m := range v.windows[who] {
		if n < limit {
			break
		}
		if m.At+window >= now {
			n -= int(m.Count)
			until = time.Unix(60*(m.At+window+1), 0)
		}
	}
	return until
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }
