package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/projections/reveals"
)

const rebuilds = 3 // of each read model; the median counts

// measureRebuilds fills the log that the product has left, then rebuilds read models from it as the operator's command
// does.
func measureRebuilds(ctx context.Context, s settings, r *report, data string, workspace uuid.UUID) (err error) {
	st, err := openStack(ctx, data)
	if err != nil {
		return fmt.Errorf("opening what the product left: %w", err)
	}
	defer func() { err = errors.Join(err, st.close()) }()
	say("filling the log with %d reveals and %d secrets", s.events, s.records)
	if err := st.fill(ctx, workspace, s.events, s.records); err != nil {
		return fmt.Errorf("filling the log: %w", err)
	}
	end := st.follow(ctx)
	defer func() { err = errors.Join(err, end()) }()
	revealRate, err := st.rebuild(ctx, "reveals")
	if err != nil {
		return err
	}
	copyRate, err := st.plainCopy(ctx)
	if err != nil {
		return fmt.Errorf("copying rows: %w", err)
	}
	secretRate, err := st.rebuild(ctx, "secrets")
	if err != nil {
		return err
	}
	r.add(figure{Name: "rebuild of reveals", Value: revealRate, Unit: "events/s", AtLeast: 100_000},
		figure{Name: "plain COPY of the same rows, with the same key and indexes", Value: copyRate, Unit: "rows/s"},
		figure{Name: "rebuild of reveals beside the plain COPY", Value: 100 * revealRate / copyRate, Unit: "%"},
		figure{Name: "rebuild of secrets, among as many reveals", Value: secretRate, Unit: "events/s"})
	return nil
}

// rebuild rebuilds a read model a few times and returns the median of the events applied per second, from the first
// statement to the switch.
func (s *stack) rebuild(ctx context.Context, name string) (float64, error) {
	var rates []float64
	for range rebuilds {
		begun, events := time.Now(), 0
		err := s.runner.Rebuild(ctx, name, func(_, _ eventstore.Position, n int) { events = n })
		if err != nil {
			return 0, err
		}
		took := time.Since(begun)
		rates = append(rates, float64(events)/took.Seconds())
		say("rebuilt %s from %d events in %v", name, events, took.Round(time.Millisecond))
	}
	return median(rates), nil
}

// plainCopy copies the rows of the read model reveals into a table of the same shape and returns rows per second.
func (s *stack) plainCopy(ctx context.Context) (float64, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	var rows bytes.Buffer
	if _, err := conn.Conn().PgConn().CopyTo(ctx, &rows, "COPY (SELECT * FROM reveals.reveal ORDER BY position) TO STDOUT (FORMAT binary)"); err != nil {
		return 0, err
	}
	var rates []float64
	for range rebuilds {
		begun := time.Now()
		n, err := copyOnce(ctx, conn.Conn(), rows.Bytes())
		if err != nil {
			return 0, err
		}
		took := time.Since(begun)
		rates = append(rates, float64(n)/took.Seconds())
		say("copied %d rows in %v", n, took.Round(time.Millisecond))
	}
	return median(rates), nil
}

const copyTable = `DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench; SET search_path TO bench;
	CREATE TABLE reveal (LIKE reveals.reveal)`

func copyOnce(ctx context.Context, conn *pgx.Conn, rows []byte) (int64, error) {
	if _, err := conn.Exec(ctx, copyTable); err != nil {
		return 0, err
	}
	tag, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(rows), "COPY reveal FROM STDIN (FORMAT binary)")
	if err != nil {
		return 0, err
	}
	_, err = conn.Exec(ctx, reveals.Projector{}.Indexes()+"RESET search_path") // the pool has the connection next
	return tag.RowsAffected(), err
}
