package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/kdesk/client-secrets/eventstore"
)

// Status says how one read model does, as its row in the database has it.
type Status struct {
	Name      string              `json:"name"`
	Position  eventstore.Position `json:"position"` // everything up to it has been applied
	Head      eventstore.Position `json:"head"`     // of the log
	Behind    uint64              `json:"behind"`   // distance of the two in positions, which have gaps: 0 is current, more says how much in bytes only roughly
	Leader    string              `json:"leader"`   // the instance that holds the lease; empty if none does
	Epoch     int64               `json:"epoch"`
	Version   int                 `json:"version"`
	Outdated  bool                `json:"outdated"` // its tables are not those that this release wants
	Error     string              `json:"error"`    // why it stands still; empty if it does not
	RebuiltAt time.Time           `json:"rebuilt_at"`
	UpdatedAt time.Time           `json:"updated_at"`
}

// Status tells how the read models do, in the order of the configuration. It works without Run.
func (r *Runner) Status(ctx context.Context) ([]Status, error) {
	rows, err := loadRows(ctx, r.cfg.Pool)
	if err != nil {
		return nil, err
	}
	head, err := r.cfg.Log.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the head of the log: %w", err)
	}
	byName := make(map[string]row, len(rows))
	for _, row := range rows {
		byName[row.Name] = row
	}
	all := make([]Status, len(r.names))
	for i, name := range r.names {
		m, row := r.models[name], byName[name]
		all[i] = Status{Name: name, Position: row.Position, Head: head, Leader: row.Holder, Epoch: row.Epoch,
			Version: row.Version, Outdated: row.Hash != m.hash || row.Version != m.Version(), Error: row.Error,
			RebuiltAt: row.RebuiltAt, UpdatedAt: row.UpdatedAt}
		if head > row.Position {
			all[i].Behind = uint64(head - row.Position)
		}
	}
	return all, nil
}
