package reveals

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
)

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
	decision     []byte
	evidence     []byte
	flags        []string
	retryOf      uuid.UUID
	of           uuid.UUID
}

// batch is what a batch of events does to the table.
type batch struct {
	rows     []row
	withheld []int    // those of the rows
	erased   []person // members who were erased
}

func foldBatch(events []domain.Recorded) *batch {
	b := &batch{rows: make([]row, 0, len(events))}
	for i := range events {
		r, ok := rowOf(&events[i])
		if !ok {
			if m, ok := erasedMember(events[i]); ok {
				b.eraseReasons(m)
			}
			continue
		}
		b.rows = append(b.rows, r)
		if r.kind == Withheld {
			b.withheld = append(b.withheld, len(b.rows)-1)
		}
	}
	return b
}

// eraseReasons does to the batch's own rows so far what eraseStored does to those stored.
func (b *batch) eraseReasons(m person) {
	b.erased = append(b.erased, m)
	for i := range b.rows {
		if r := &b.rows[i]; r.member == m.id && r.workspace == m.workspace && r.reason != "" {
			r.reason = domain.ErasedText
		}
	}
}

func rowOf(e *domain.Recorded) (row, bool) {
	r := row{
		workspace: e.Meta.Workspace, position: int64(e.Position), at: e.At, eventID: e.ID, actorKind: string(e.Meta.Actor.Kind),
	}
	var decision *domain.Decision
	switch v := e.Event.(type) {
	case reveal.FieldRevealed:
		decision = r.shown(Revealed, &v)
	case reveal.FileDownloaded:
		shown := reveal.FieldRevealed(v)
		decision = r.shown(Downloaded, &shown)
	case reveal.Denied:
		r.kind, r.secret, r.field, r.member = Denied, v.Secret, v.Field, v.Member
		r.ticket, r.code, decision = v.Ticket, v.Code, &v.Decision
	case reveal.Withheld:
		r.kind, r.secret, r.field, r.member = Withheld, v.Secret, v.Field, v.Member
		r.of, r.code, decision = v.Of, v.Code, &v.Decision
	default:
		return row{}, false
	}
	r.pack(decision)
	r.field, r.ticket, r.reason, r.code = storable(r.field), storable(r.ticket), storable(r.reason), storable(r.code)
	return r, true
}

// shown fills in what was given out and returns the decision that let it out.
func (r *row) shown(kind Kind, v *reveal.FieldRevealed) *domain.Decision {
	r.kind, r.secret, r.field, r.valueVersion, r.member = kind, v.Secret, v.Field, int32(v.ValueVersion), v.Member
	r.ticket, r.reason, r.flags, r.retryOf = v.Ticket, v.Reason.Text, v.Flags, v.RetryOf
	return &v.Decision
}

// pack writes a decision into the row: its evidence apart, which leaves an empty list in the JSON.
func (r *row) pack(d *domain.Decision) {
	rest := *d
	rest.Evidence = rest.Evidence[:0]
	r.decision = rest.AppendJSON(make([]byte, 0, 128))
	r.evidence = packEvidence(make([]byte, 0, 128), d.Evidence)
}

// unpack reads what pack wrote.
func unpack(decision, evidence []byte) (d domain.Decision, err error) {
	if err := json.Unmarshal(decision, &d); err != nil {
		return d, fmt.Errorf("reading a decision: %w", err)
	}
	if d.Evidence, err = unpackEvidence(d.Evidence, evidence); err != nil {
		return d, fmt.Errorf("reading the evidence of a decision: %w", err)
	}
	return d, nil
}

// storable returns s as PostgreSQL takes it: valid UTF-8 without NUL.
func storable(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// months returns the first moments of the months that the rows are in.
func (b *batch) months() []time.Time {
	var months []time.Time
	for i := range b.rows {
		at := b.rows[i].at.UTC()
		if n := len(months); n > 0 && sameMonth(months[n-1], at) {
			continue
		}
		if m := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC); !slices.Contains(months, m) {
			months = append(months, m)
		}
	}
	return months
}

func sameMonth(a, b time.Time) bool { return a.Year() == b.Year() && a.Month() == b.Month() }
