package reveals

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"
)

var columns = strings.Join([]string{"workspace", "position", "at", "event_id", "kind", "secret", "field", "value_version", "member",
	"actor_kind", "ticket", "reason", "code", "decision", "evidence", "flags", "retry_of", "of"}, ", ")

const columnCount = 18

// copied are rows in PostgreSQL's binary COPY format (its manual, "COPY", "Binary Format"), made without the boxing and the
// look-ups that pgx.CopyFrom needs for each value: they cost about as much as folding the events.
type copied []byte

func copyOf(rows []row) []byte {
	b := make(copied, 0, 512*len(rows)+64)
	b = append(b, "PGCOPY\n\xff\r\n\x00"+"\x00\x00\x00\x00"+"\x00\x00\x00\x00"...) // flags and length of an extension: none
	for i := range rows {
		b = b.row(&rows[i])
	}
	return append(b, 0xff, 0xff)
}

func (b copied) row(r *row) copied {
	b = binary.BigEndian.AppendUint16(b, columnCount)
	b = b.id(r.workspace).int64(r.position).time(r.at).id(r.eventID).text(string(r.kind)).id(r.secret).text(r.field)
	b = binary.BigEndian.AppendUint32(b.length(4), uint32(r.valueVersion))
	b = b.text(r.member).text(r.actorKind).text(r.ticket).text(r.reason).text(r.code)
	b = append(b.length(len(r.decision)), r.decision...)
	b = append(b.length(len(r.evidence)), r.evidence...)
	return b.texts(r.flags).idOrNull(r.retryOf).idOrNull(r.of)
}

func (b copied) length(n int) copied { return binary.BigEndian.AppendUint32(b, uint32(n)) }

func (b copied) null() copied { return b.length(-1) }

func (b copied) text(s string) copied { return append(b.length(len(s)), s...) }

func (b copied) id(v uuid.UUID) copied { return append(b.length(len(v)), v[:]...) }

func (b copied) int64(v int64) copied { return binary.BigEndian.AppendUint64(b.length(8), uint64(v)) }

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of PostgreSQL's timestamps

func (b copied) time(v time.Time) copied { return b.int64(v.UnixMicro() - epoch.UnixMicro()) }

func (b copied) idOrNull(v uuid.UUID) copied {
	if v == uuid.Nil {
		return b.null()
	}
	return b.id(v)
}

const textType = 25 // pg_type.oid

// texts writes text[], null if there are none: dimensions, whether it has nulls, type, length and first index.
func (b copied) texts(list []string) copied {
	if len(list) == 0 {
		return b.null()
	}
	at := len(b)
	b = b.length(0).length(1).length(0).length(textType).length(len(list)).length(1)
	for _, s := range list {
		b = b.text(s)
	}
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}
