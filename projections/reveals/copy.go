package reveals

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
)

var columns = strings.Join([]string{"workspace", "position", "at", "event_id", "kind", "secret", "field", "value_version", "member",
	"actor_kind", "ticket", "reason", "code", "decision", "flags", "retry_of", "of"}, ", ")

const columnCount = 17

// copying reads as rows of a batch in PostgreSQL's binary COPY format (its manual, "COPY", "Binary Format"). They are
// made piece by piece, while PostgreSQL takes those before, and without the boxing and the look-ups that pgx.CopyFrom needs for
// each value: they cost about as much as folding the events.
type copying struct {
	batch *batch
	rows  []int  // the events that are to become rows
	made  copied // reused for each piece
	rest  []byte // of what was made
	ended bool
}

// copyPiece is about how much is made at once, in bytes: what pgx sends at once.
const copyPiece = 64 << 10

func newCopying(b *batch, rows []int) *copying {
	c := &copying{batch: b, rows: rows, made: make(copied, 0, min(512*len(rows)+64, copyPiece+copyPiece/8))}
	c.made = append(c.made, "PGCOPY\n\xff\r\n\x00"+"\x00\x00\x00\x00"+"\x00\x00\x00\x00"...) // flags and length of an extension: none
	c.make()
	return c
}

// make makes the next piece. The last one ends the copy.
func (c *copying) make() {
	for len(c.rows) > 0 && len(c.made) < copyPiece {
		r := c.batch.row(c.rows[0])
		c.made, c.rows = c.made.row(&r), c.rows[1:]
	}
	if len(c.rows) == 0 {
		c.made, c.ended = append(c.made, 0xff, 0xff), true
	}
	c.rest = c.made
}

var errUnmade = errors.New("making the rows of a batch panicked")

// Read implements io.Reader. It is called by a goroutine of pgx, where a panic would end the process: it becomes an error here,
// after which the events come one by one and the first piece, made by newCopying, tells more.
func (c *copying) Read(p []byte) (n int, err error) {
	defer func() {
		if recover() != nil {
			err = errUnmade
		}
	}()
	if len(c.rest) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		c.made = c.made[:0]
		c.make()
	}
	n = copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// copied are rows, or a part of one.
type copied []byte

func (b copied) row(r *row) copied {
	b = binary.BigEndian.AppendUint16(b, columnCount)
	b = b.id(r.workspace).int64(r.position).time(r.at).id(r.eventID).text(string(r.kind)).id(r.secret).text(r.field)
	b = binary.BigEndian.AppendUint32(b.length(4), uint32(r.valueVersion))
	b = b.text(r.member).text(r.actorKind).textOrNull(r.ticket).textOrNull(r.reason).textOrNull(r.code)
	b = b.measured(func(b copied) copied { return packDecision(b, &r.decision) })
	return b.texts(r.flags).idOrNull(r.retryOf).idOrNull(r.of)
}

// measured writes the length of a value before what add writes of it.
func (b copied) measured(add func(copied) copied) copied {
	at := len(b)
	b = add(b.length(0))
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

func (b copied) length(n int) copied { return binary.BigEndian.AppendUint32(b, uint32(n)) }

func (b copied) null() copied { return b.length(-1) }

func (b copied) text(s string) copied { return append(b.length(len(s)), s...) }

func (b copied) textOrNull(s string) copied {
	if s == "" {
		return b.null()
	}
	return b.text(s)
}

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
	return b.measured(func(b copied) copied {
		b = b.length(1).length(0).length(textType).length(len(list)).length(1)
		for _, s := range list {
			b = b.text(s)
		}
		return b
	})
}
