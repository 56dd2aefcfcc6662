package projections

import (
	"context"
	"errors"
	"time"

	"github.com/kdesk/client-secrets/eventstore"
)

// prepare makes the tables what the code says. It retries for ever, since nothing works without them, except when the
// log is another one.
func (r *Runner) prepare(ctx context.Context, m *model) error {
	wait := pause{first: r.cfg.Backoff}
	for {
		err := r.prepareOnce(ctx, m)
		if err == nil {
			m.prepared.Store(true)
			m.fresh.failed("")
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, eventstore.ErrForeignLog) {
			return err
		}
		r.tellUnprepared(ctx, m, redact(err))
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}

// tellUnprepared says loudly that a read model cannot be used. The row is left alone while another release leads.
func (r *Runner) tellUnprepared(ctx context.Context, m *model, text string) {
	m.fresh.failed(text)
	r.log.Error("preparing a projection failed", "projection", m.name, "error", text)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, _ = r.cfg.Pool.Exec(ctx, "UPDATE ops.projections SET error = $2, updated_at = now() WHERE name = $1 AND lease_until < now()",
		m.name, text) // a failure of this would say nothing new
}

var errNewer = errors.New("a newer release owns its tables")

func (r *Runner) prepareOnce(ctx context.Context, m *model) error {
	row, err := loadRow(ctx, r.cfg.Pool, m.name)
	if err != nil {
		return err
	}
	if row.Version > m.Version() {
		return errNewer
	}
	current, err := m.current(ctx, r.cfg.Pool, row)
	if err != nil {
		return err
	}
	if current {
		m.fresh.applied(row.Position)
		return eventstore.Guard(ctx, r.cfg.Log, row.Position, row.LastID)
	}
	select {
	case r.rebuilds <- struct{}{}:
		defer func() { <-r.rebuilds }()
	case <-ctx.Done():
		return ctx.Err()
	}
	r.log.Info("rebuilding a projection whose tables have another shape", "projection", m.name)
	return r.rebuild(ctx, m, nil, true)
}

// current tells whether the live tables are those that the code wants.
func (m *model) current(ctx context.Context, db execer, row row) (bool, error) {
	exists, err := schemaExists(ctx, db, m.name)
	return exists && row.Hash == m.hash && row.Version == m.Version(), err
}
