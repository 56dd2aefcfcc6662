package projections_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/kdesk/client-secrets/domain"
)

// TestAPausedWriterHoldsNobodyUp lets a leader freeze in the middle of a COPY, with rows of the next batch locked, as a
// paused machine does. Another instance takes over, since it ends the frozen session.
func TestAPausedWriterHoldsNobodyUp(t *testing.T) {
	w := newWorld(t)
	a := w.start(t, w.config("a", tally{}))
	a.leader(t, ledBy("a"))
	a.stop()
	frozen, err := pgx.ConnectConfig(w.ctx, w.pool.Config().ConnConfig.Copy())
	require.NoError(t, err)
	defer func() { _ = frozen.Close(w.ctx) }()
	_, err = frozen.Exec(w.ctx, "BEGIN; LOCK TABLE tally.seen IN SHARE ROW EXCLUSIVE MODE")
	require.NoError(t, err)
	data, end := io.Pipe() // nothing ever comes, as from a process that is stopped
	copied := make(chan error, 1)
	go func() {
		_, err := frozen.PgConn().CopyFrom(w.ctx, data, "COPY tally.seen FROM STDIN")
		copied <- err
	}()
	require.Eventually(t, func() bool {
		var copying bool
		err := w.pool.QueryRow(w.ctx, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'COPY tally.seen%' AND state = 'active')").Scan(&copying)
		return err == nil && copying
	}, patience, 10*time.Millisecond)

	b := w.start(t, w.config("b", tally{}))
	b.wait(t, "tally", w.member(t, 1))
	require.NoError(t, end.Close())
	require.Error(t, <-copied, "the frozen session is gone")
	require.Equal(t, []string{"zd:1"}, w.seen(t))
}

// TestAPausedCommitHoldsNobodyUp: a leader that froze after it has moved the checkpoint has the row locked that the next
// one needs. PostgreSQL must end its transaction by itself.
func TestAPausedCommitHoldsNobodyUp(t *testing.T) {
	w := newWorld(t)
	p := patient{limit: new(string)}
	a := w.start(t, w.config("a", p))
	a.leader(t, ledBy("a")) // what comes now is not part of a rebuild
	a.wait(t, "tally", w.member(t, 1))
	a.stop()
	require.Equal(t, "3s", *p.limit, "as long as a lease lasts")
}

// patient tells how long its transactions may be idle.
type patient struct {
	tally
	limit *string
}

func (p patient) Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error {
	if err := tx.QueryRow(ctx, "SHOW idle_in_transaction_session_timeout").Scan(p.limit); err != nil {
		return err
	}
	return p.tally.Apply(ctx, tx, events)
}
