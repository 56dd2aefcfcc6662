package eventstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// Guard checks at start-up that a checkpoint was made from this log: the event at its position must still be there with
// the same id. It fails with ErrForeignLog if the log was restored to an earlier state or is another one: positions
// mean something in their own log only.
func Guard(ctx context.Context, log Log, position Position, eventID uuid.UUID) error {
	if position == Start {
		return nil
	}
	record, found, err := log.At(ctx, position)
	if err != nil {
		return fmt.Errorf("checking a checkpoint against the event log: %w", err)
	}
	if found && record.ID == eventID {
		return nil
	}
	const remedy = "restore the log and the database that belong together, or rebuild the projections from this log"
	if found {
		return fmt.Errorf("%w: at position %d it has event %s where the checkpoint has %s: %s",
			ErrForeignLog, position, record.ID, eventID, remedy)
	}
	head, err := log.Head(ctx)
	if err != nil {
		return fmt.Errorf("checking a checkpoint against the event log: %w", err)
	}
	return fmt.Errorf("%w: it has no event at position %d and ends at %d: %s", ErrForeignLog, position, head, remedy)
}
