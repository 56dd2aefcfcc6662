package projections

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// encodeUUIDs makes a connection write uuid.UUID as 16 bytes. Without it pgx takes the way through database/sql's
// interfaces and a text, which costs more than the rest of a row: too much for a rebuild.
func encodeUUIDs(types *pgtype.Map) {
	types.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapUUID}, types.TryWrapEncodePlanFuncs...)
}

func wrapUUID(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	id, ok := value.(uuid.UUID)
	if !ok {
		return nil, nil, false
	}
	return &uuidPlan{}, pgtype.UUID{Bytes: id, Valid: true}, true
}

// uuidPlan hands a uuid.UUID on as a pgtype.UUID.
type uuidPlan struct{ next pgtype.EncodePlan }

// SetNext sets the plan for a pgtype.UUID.
func (p *uuidPlan) SetNext(next pgtype.EncodePlan) { p.next = next }

// Encode appends the value to buf.
func (p *uuidPlan) Encode(value any, buf []byte) ([]byte, error) {
	return p.next.Encode(pgtype.UUID{Bytes: value.(uuid.UUID), Valid: true}, buf)
}
