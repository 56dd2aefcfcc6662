// Package projections folds the log into Postgres read models: the runner with its lease, checkpoints and rebuilds.
//
// Each read model is a folder below this one with its schema, projector and queries. Read models never import each other.
// This package knows no read model by name.
package projections

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/domain"
	"github.com/kdesk/client-secrets/eventstore"
)

// Projector folds events into the tables of one read model.
type Projector interface {
	// Name is the read model's name and that of its Postgres schema.
	Name() string
	// Schema is the SQL that creates its tables, with unqualified names: the runner sets the search path. A change of it,
	// or of Version, makes the runner rebuild the read model.
	Schema() string
	// Version counts the ways in which Apply has meant its tables.
	Version() int
	// Kinds are the aggregate kinds whose streams it reads, such as domain.SecretKind.
	Kinds() []string
	// Apply folds a batch, in log order, into the tables in tx, with unqualified names. Applying events again changes
	// nothing. The runner moves the checkpoint in the same transaction. Batches have up to 500 events live and many
	// thousands in a rebuild, so Apply works per batch: one read of what the batch touches, one write of the outcome. It
	// keeps nothing between calls and does not change the events, which others read too. What its errors say ends up in
	// logs: no content of events.
	Apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) error
}

// Page asks for a part of a list.
type Page struct {
	Limit int    // 1 to 200
	After string // the sort key after which the page starts, as the previous page's Next said; empty for the first
}

// Paged is a part of a list with where it goes on; Next is empty at the end.
type Paged[T any] struct {
	Items []T
	Next  string
}

// Freshness tells how far a read model is: everything up to Position has been applied.
type Freshness interface {
	// Applied returns the position up to which the live tables of a read model are current.
	Applied(name string) eventstore.Position
	// Setbacks returns how often those tables were found to lack what Applied had told: a database that comes back from a
	// crash can lack its last commits. What was read before a setback is not to be relied on after it.
	Setbacks(name string) uint64
	// Wait blocks until Applied(name) is at least position, or ctx ends.
	Wait(ctx context.Context, name string, position eventstore.Position) error
}
