package reveals

import "github.com/google/uuid"

var columns = []string{"workspace", "position", "at", "event_id", "kind", "secret", "field", "value_version", "member",
	"actor_kind", "ticket", "reason", "code", "decision", "evidence", "flags", "retry_of", "of"}

// source hands rows to COPY.
type source struct {
	rows   []row
	next   int
	values [18]any
}

func (s *source) Next() bool { s.next++; return s.next <= len(s.rows) }

func (s *source) Err() error { return nil }

func (s *source) Values() ([]any, error) {
	r := &s.rows[s.next-1]
	s.values = [18]any{id(r.workspace), r.position, r.at, id(r.eventID), string(r.kind), id(r.secret), r.field, r.valueVersion, r.member,
		r.actorKind, r.ticket, r.reason, r.code, r.decision, r.evidence, flagsOf(r), orNull(r.retryOf), orNull(r.of)}
	return s.values[:], nil
}

// id is a UUID in the form that pgx writes without asking it for its text.
type id = [16]byte

// flagsOf is a nil that pgx need not look into for most rows.
func flagsOf(r *row) any {
	if len(r.flags) == 0 {
		return nil
	}
	return r.flags
}

func orNull(v uuid.UUID) any {
	if v == uuid.Nil {
		return nil
	}
	return id(v)
}
