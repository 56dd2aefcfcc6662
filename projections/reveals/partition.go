package reveals

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// makePartitions makes the partitions of months that have none yet. A partition is attached, not created in place, since
// that lets queries go on meanwhile.
func makePartitions(ctx context.Context, tx pgx.Tx, months []month) error {
	names := make([]string, len(months))
	for i, m := range months {
		names[i] = m.partition()
	}
	rows, err := tx.Query(ctx, `SELECT relname::text FROM pg_class
		WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1)`, names)
	if err != nil {
		return fmt.Errorf("looking for partitions: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("looking for partitions: %w", err)
	}
	known := map[string]bool{}
	for _, name := range found {
		known[name] = true
	}
	for i, m := range months {
		if known[names[i]] {
			continue
		}
		if _, err := tx.Exec(ctx, m.partitionSQL()); err != nil {
			return fmt.Errorf("making partition %s: %w", names[i], err)
		}
	}
	return nil
}

// partition returns the name of the month's partition.
func (m *month) partition() string { return "reveal_" + m.first.Format("2006_01") }

func (m *month) partitionSQL() string {
	const bound = "2006-01-02 15:04:05+00"
	return fmt.Sprintf(`CREATE TABLE %[1]s (LIKE reveal INCLUDING ALL);
		ALTER TABLE reveal ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s')`,
		m.partition(), m.first.Format(bound), m.first.AddDate(0, 1, 0).Format(bound))
}
