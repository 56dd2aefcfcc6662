package reveals

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/domain/reveal"
)

// What goes wrong behind the first piece goes wrong in a goroutine that nobody watches.
func TestAPanicWhileRowsAreMadeIsAnError(t *testing.T) {
	events := make([]domain.Recorded, 1000)
	for i := range events {
		events[i].Event = reveal.Denied{Field: "password", Code: "no_grant"}
	}
	b := foldBatch(events)
	rows := append(b.months[0].rows, len(events)) // there is no such event
	_, err := io.ReadAll(newCopying(b, rows))
	require.ErrorIs(t, err, errUnmade)
}
