package reveals

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/member"
	"github.com/kdesk/client-secrets/domain/reveal"
)

// batch is what a batch of events does to the tables.
type batch struct {
	events   []domain.Recorded
	months   []month
	withheld []mark
	erased   []erasure // members who were erased
}

// month is what becomes rows of the partition of a month.
type month struct {
	first time.Time // its first moment (UTC)
	rows  []int     // index of the events
}

func (m *month) has(at time.Time) bool {
	return m.first.Year() == at.Year() && m.first.Month() == at.Month()
}

// mark says that an event withheld a reveal.
type mark struct{ workspace, of, event uuid.UUID }

// person is a member of a workspace.
type person struct {
	workspace uuid.UUID
	id        string
}

// erasure is an event that erases a person.
type erasure struct {
	person
	event int
}

func foldBatch(events []domain.Recorded) *batch {
	b := &batch{events: events}
	for i := range events {
		e := &events[i]
		switch v := e.Event.(type) {
		case member.Erased:
			b.erased = append(b.erased, erasure{person{e.Meta.Workspace, v.ID}, i})
			continue
		case reveal.Withheld:
			b.withheld = append(b.withheld, mark{e.Meta.Workspace, v.Of, e.ID})
		case reveal.FieldRevealed, reveal.FileDownloaded, reveal.Denied:
		default:
			continue
		}
		m := b.monthOf(e.At.UTC())
		m.rows = append(m.rows, i)
	}
	return b
}

// monthOf returns the month that at is in, mostly that of the event before.
func (b *batch) monthOf(at time.Time) *month {
	for i := len(b.months) - 1; i >= 0; i-- {
		if b.months[i].has(at) {
			return &b.months[i]
		}
	}
	b.months = append(b.months, month{first: time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)})
	return &b.months[len(b.months)-1]
}

// row returns the row of an event as it is after the batch: without its reason if the member was erased later.
func (b *batch) row(event int) row {
	r := rowOf(&b.events[event])
	if r.reason != "" && slices.ContainsFunc(b.erased, func(e erasure) bool {
		return e.event > event && e.person == person{r.workspace, r.member}
	}) {
		r.reason = domain.ErasedText
	}
	return r
}

// row is a row of the table.
type row struct {
	workspace    uuid.UUID
	position     int64
	at           time.Time
	eventID      uuid.UUID
	kind         Kind
	secret       uuid.UUID
	field        string
	valueVersion int32
	member       string
	actorKind    string
	ticket       string
	reason       string
	code         string
	decision     domain.Decision
	flags        []string
	retryOf      uuid.UUID
	of           uuid.UUID
}

func rowOf(e *domain.Recorded) row {
	r := row{
		workspace: e.Meta.Workspace, position: int64(e.Position), at: e.At, eventID: e.ID, actorKind: string(e.Meta.Actor.Kind),
	}
	switch v := e.Event.(type) {
	case reveal.FieldRevealed:
		r.shown(Revealed, &v)
	case reveal.FileDownloaded:
		shown := reveal.FieldRevealed(v)
		r.shown(Downloaded, &shown)
	case reveal.Denied:
		r.kind, r.secret, r.field, r.member = Denied, v.Secret, v.Field, v.Member
		r.ticket, r.code, r.decision = v.Ticket, v.Code, v.Decision
	case reveal.Withheld:
		r.kind, r.secret, r.field, r.member = Withheld, v.Secret, v.Field, v.Member
		r.of, r.code, r.decision = v.Of, v.Code, v.Decision
	}
	r.field, r.ticket, r.reason, r.code = storable(r.field), storable(r.ticket), storable(r.reason), storable(r.code)
	return r
}

// shown fills in what was given out.
func (r *row) shown(kind Kind, v *reveal.FieldRevealed) {
	r.kind, r.secret, r.field, r.valueVersion, r.member = kind, v.Secret, v.Field, int32(v.ValueVersion), v.Member
	r.ticket, r.reason, r.decision, r.flags, r.retryOf = v.Ticket, v.Reason.Text, v.Decision, v.Flags, v.RetryOf
}

// storable returns s as PostgreSQL takes it: valid UTF-8 without NUL.
func storable(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
