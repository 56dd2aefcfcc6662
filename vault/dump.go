package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kdesk/client-secrets/platform/postgres"
)

// Copied says what a dump holds of the vault. The root key is not in it, and nothing in it can be read without that key.
type Copied struct {
	Schema int64         `json:"schema"` // version of the migrations that made the tables
	Tables []CopiedTable `json:"tables"` // each after those that it refers to
	Files  []CopiedFile  `json:"-"`      // that the tables name, to be copied after them
}

// CopiedTable is a table of a dump.
type CopiedTable struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
}

// Rows is the number of rows of all tables.
func (c Copied) Rows() (n int64) {
	for _, t := range c.Tables {
		n += t.Rows
	}
	return n
}

// Dump copies all tables of the vault as of one moment, in the text format of PostgreSQL's COPY. create says where a
// table goes; what it returns is closed once the table is complete. It needs no root key.
func Dump(ctx context.Context, pool *pgxpool.Pool, create func(table string) (io.WriteCloser, error)) (Copied, error) {
	var c Copied
	err := atOnce(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if c, err = describe(ctx, tx); err != nil {
			return err
		}
		if c.Files, err = filesOf(ctx, tx); err != nil {
			return err
		}
		for i := range c.Tables {
			if err := c.Tables[i].dump(ctx, tx, create); err != nil {
				return fmt.Errorf("table %s: %w", c.Tables[i].Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return Copied{}, fmt.Errorf("copying the vault: %w", err)
	}
	return c, nil
}

// atOnce runs do in a transaction without a limit of time.
func atOnce(ctx context.Context, pool *pgxpool.Pool, options pgx.TxOptions, do func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout TO 0"); err != nil {
			return err
		}
		return do(tx)
	})
}

// describe finds the tables of the vault, those that others refer to first.
func describe(ctx context.Context, tx pgx.Tx) (Copied, error) {
	var c Copied
	err := tx.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM vault.schema_version WHERE is_applied").Scan(&c.Schema)
	if err != nil {
		return c, fmt.Errorf("reading the version of its tables: %w", err)
	}
	rows, err := tx.Query(ctx, `SELECT c.relname::text,
			ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum),
			ARRAY(SELECT DISTINCT f.confrelid::regclass::text FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid)
		FROM pg_class c WHERE c.relnamespace = 'vault'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_version' ORDER BY 1`)
	if err != nil {
		return c, fmt.Errorf("listing its tables: %w", err)
	}
	refers := map[string][]string{}
	var all []CopiedTable
	var t CopiedTable
	var to []string
	_, err = pgx.ForEachRow(rows, []any{&t.Name, &t.Columns, &to}, func() error {
		all, refers[t.Name] = append(all, CopiedTable{Name: t.Name, Columns: slices.Clone(t.Columns)}), slices.Clone(to)
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("listing its tables: %w", err)
	}
	c.Tables, err = inOrder(all, refers)
	return c, err
}

// inOrder sorts tables so that each comes after those that it refers to.
func inOrder(tables []CopiedTable, refers map[string][]string) (sorted []CopiedTable, err error) {
	placed := map[string]bool{}
	for len(sorted) < len(tables) {
		before := len(sorted)
		for _, t := range tables {
			waits := slices.ContainsFunc(refers[t.Name], func(to string) bool { return !placed[strings.TrimPrefix(to, "vault.")] })
			if !placed[t.Name] && !waits {
				placed[t.Name] = true
				sorted = append(sorted, t)
			}
		}
		if len(sorted) == before {
			return nil, errors.New("its tables refer to each other in a circle")
		}
	}
	return sorted, nil
}

func (t *CopiedTable) dump(ctx context.Context, tx pgx.Tx, create func(string) (io.WriteCloser, error)) error {
	out, err := create(t.Name)
	if err != nil {
		return err
	}
	tag, err := tx.Conn().PgConn().CopyTo(ctx, out, "COPY "+t.target()+" TO STDOUT")
	t.Rows = tag.RowsAffected()
	return errors.Join(err, out.Close())
}

// target is the table with its columns, for COPY.
func (t *CopiedTable) target() string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = pgx.Identifier{c}.Sanitize()
	}
	return pgx.Identifier{"vault", t.Name}.Sanitize() + " (" + strings.Join(columns, ", ") + ")"
}

// LoadConfig is what Load needs. All of it is required.
type LoadConfig struct {
	Pool   *pgxpool.Pool
	KMSURL string // as in Config: the key that the dumped vault was made with
}

// Load puts a dump into an empty vault, all or nothing. It refuses a vault with anything in it, a dump of another
// release's tables or of other sizes than it says, and with ErrRootKey a root key that does not open what is dumped.
func Load(ctx context.Context, c LoadConfig, dumped Copied, open func(table string) (io.ReadCloser, error)) error {
	if err := postgres.Migrate(ctx, c.Pool, migrations, "vault"); err != nil {
		return fmt.Errorf("loading the vault: %w", err)
	}
	root, err := openRoot(ctx, c.KMSURL, false)
	if err != nil {
		return fmt.Errorf("loading the vault: %w", err)
	}
	err = atOnce(ctx, c.Pool, pgx.TxOptions{}, func(tx pgx.Tx) error {
		if err := fits(ctx, tx, dumped); err != nil {
			return err
		}
		for i := range dumped.Tables {
			if err := dumped.Tables[i].load(ctx, tx, open); err != nil {
				return fmt.Errorf("table %s: %w", dumped.Tables[i].Name, err)
			}
		}
		return opens(ctx, tx, root)
	})
	if err = errors.Join(err, root.keeper.Close()); err != nil {
		return fmt.Errorf("loading the vault: %w", err)
	}
	return nil
}

// fits fails unless the tables are empty and those that were dumped.
func fits(ctx context.Context, tx pgx.Tx, dumped Copied) error {
	here, err := describe(ctx, tx)
	if err != nil {
		return err
	}
	same := func(a, b CopiedTable) bool { return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) }
	if here.Schema != dumped.Schema || !slices.EqualFunc(here.Tables, dumped.Tables, same) {
		return fmt.Errorf("its tables were dumped at version %d and this release makes version %d: load it with the release that dumped it, then upgrade",
			dumped.Schema, here.Schema)
	}
	for _, t := range here.Tables {
		var filled bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+pgx.Identifier{"vault", t.Name}.Sanitize()+")").Scan(&filled); err != nil {
			return fmt.Errorf("looking into table %s: %w", t.Name, err)
		}
		if filled {
			return fmt.Errorf("table vault.%s is not empty: a dump is loaded into an empty database only", t.Name)
		}
	}
	return nil
}

func (t *CopiedTable) load(ctx context.Context, tx pgx.Tx, open func(string) (io.ReadCloser, error)) error {
	in, err := open(t.Name)
	if err != nil {
		return err
	}
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, in, "COPY "+t.target()+" FROM STDIN")
	if err = errors.Join(err, in.Close()); err != nil {
		return err
	}
	if tag.RowsAffected() != t.Rows {
		return fmt.Errorf("the dump has %d rows where %d were dumped", tag.RowsAffected(), t.Rows)
	}
	return nil
}

// opens fails with ErrRootKey unless the root key is the one of the vault in tx.
func opens(ctx context.Context, tx pgx.Tx, root rootKey) error {
	var check []byte
	if err := tx.QueryRow(ctx, `SELECT value FROM vault.meta WHERE name = $1`, metaRootCheck).Scan(&check); err != nil {
		return fmt.Errorf("reading its root key check: %w", err)
	}
	text, err := root.DecryptWithContext(ctx, check, bind(bindKEK, uuid.Nil, metaRootCheck))
	if err == nil && !bytes.Equal(text, checkText) {
		err = ErrTampered
	}
	if err != nil {
		return fmt.Errorf("%w: it is not the one that the dumped vault was made with: %w", ErrRootKey, err)
	}
	return nil
}
