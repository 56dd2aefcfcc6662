package reveal

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
)

const (
	deniedPerWindow = 60 // refusals recorded one by one for each member
	denialWindow    = time.Hour
	maxDenied       = 10_000 // members watched at a time; nothing of further ones is recorded
)

// denials bounds how much of the log a member can fill by being refused: beyond it refusals are only counted.
type denials struct {
	mu      sync.Mutex
	windows map[subject]*window
	alerted map[subject]time.Time // who reached the limit of reveals: when that was last told
}

type subject struct {
	workspace uuid.UUID
	actor     domain.Actor
}

type window struct {
	start    time.Time
	recorded int
	suppressed
}

// suppressed counts refusals of one member that were not recorded one by one.
type suppressed struct {
	subject
	count    int
	from, to time.Time // of the first and the last of them
}

func newDenials() *denials {
	return &denials{windows: map[subject]*window{}, alerted: map[subject]time.Time{}}
}

// admit tells whether to record a refusal by itself, and counts it if not.
func (d *denials) admit(s subject, now time.Time) bool {
	s.actor.Session = ""
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.windows[s]
	if w == nil {
		if len(d.windows) >= maxDenied {
			return false
		}
		w = &window{start: now, suppressed: suppressed{subject: s}}
		d.windows[s] = w
	}
	if w.recorded < deniedPerWindow {
		w.recorded++
		return true
	}
	if w.count == 0 {
		w.from = now
	}
	w.count++
	w.to = now
	return false
}

// alert tells whether it is time to tell that somebody has reached the limit of reveals: once in a window.
func (d *denials) alert(s subject, now time.Time) bool {
	s.actor.Session = ""
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, told := d.alerted[s]; told && now.Sub(last) < denialWindow {
		return false
	}
	if len(d.alerted) >= maxDenied {
		clear(d.alerted) // rather tell twice than never
	}
	d.alerted[s] = now
	return true
}

// unalerted takes back that it was told.
func (d *denials) unalerted(s subject) {
	s.actor.Session = ""
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.alerted, s)
}

// ended forgets the windows that are over and returns what they counted.
func (d *denials) ended(now time.Time) []suppressed {
	return d.take(func(w *window) bool { return now.Sub(w.start) >= denialWindow })
}

// all forgets every window and returns what they counted.
func (d *denials) all() []suppressed {
	return d.take(func(*window) bool { return true })
}

func (d *denials) take(over func(*window) bool) (counted []suppressed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s, w := range d.windows {
		if over(w) {
			counted = append(counted, w.suppressed)
			delete(d.windows, s)
		}
	}
	return counted
}
