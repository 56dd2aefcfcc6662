package projections

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kdesk/client-secrets/domain"
)

// applyError is a projector's refusal of a batch. If the batch is one event, that event stops the read model.
type applyError struct {
	events []domain.Recorded
	err    error
	stack  []byte // of a panic
}

// apply calls the projector. What it refuses, or panics on, is an applyError.
func (m *model) apply(ctx context.Context, tx pgx.Tx, events []domain.Recorded) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &applyError{events, errors.New("the projector panicked: " + panicText(p)), debug.Stack()}
		}
	}()
	if err := m.Apply(ctx, tx, events); err != nil {
		return &applyError{events, err, nil}
	}
	return nil
}

// panicText tells what the runtime says, and only the type of anything else: that may hold an event's content.
func panicText(p any) string {
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("a %T", p)
}

// Error names the event, and nothing of what is in it.
func (e *applyError) Error() string {
	if len(e.events) != 1 {
		return fmt.Sprintf("applying %d events: %s", len(e.events), redact(e.err))
	}
	v := e.events[0]
	return fmt.Sprintf("applying %s of stream %s at revision %d, position %d: %s", v.Event.EventType(), v.Stream, v.Revision,
		v.Position, redact(e.err))
}

// Unwrap returns what the projector said.
func (e *applyError) Unwrap() error { return e.err }

// passing tells whether a failure is the database's state of the moment rather than an event's doing: no connection,
// shutting down, out of resources, a timeout, a deadlock.
func passing(err error) bool {
	var refused *applyError
	if !errors.As(err, &refused) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:min(2, len(pg.Code))] {
		case "08", "40", "53", "55", "57", "58":
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

// redact returns an error's text without anything that could be an event's content: Postgres and pgx quote values.
func redact(err error) string {
	var apply *applyError
	if errors.As(err, &apply) {
		return redactText(err.Error())
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		text := "SQLSTATE " + pg.Code
		for _, name := range []string{pg.TableName, pg.ColumnName, pg.ConstraintName} {
			if name != "" {
				text += " " + name
			}
		}
		return text
	}
	return redactText(err.Error())
}

func redactText(text string) string {
	for _, quoting := range []string{"unable to encode", "failed to encode", "cannot scan", "can't scan", "cannot parse"} {
		if head, _, found := strings.Cut(text, quoting); found {
			return head + quoting + " a value"
		}
	}
	return text
}
