package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/embedded"
	"github.com/kdesk/client-secrets/vault"
)

// What --only may name.
const (
	onlyLog   = "log"
	onlyVault = "vault"
)

func newRestore() *cobra.Command {
	var only string
	var check bool
	cmd := &cobra.Command{
		Use:   "restore <folder>",
		Short: "Bring the event log, the vault and the files back from a backup",
		Long: "Bring the event log, the vault and its files back from a backup that client-secrets backup made. Both places must be empty: the\n" +
			"folder that EVENTSTORE_URL=embedded:<folder> names and the database of DATABASE_URL. KMS_URL must name the root key\n" +
			"that the vault was made with. The backup is verified first. The read models are built anew by the next start.\n\n" +
			"--only log brings the log alone back, beside a database that was not lost. What that has of later events no longer\n" +
			"fits: then run client-secrets log adopt.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if only != "" && only != onlyLog && only != onlyVault {
				return errors.New("--only takes log or vault")
			}
			return restore(cmd, args[0], only, check)
		},
	}
	cmd.Flags().StringVar(&only, "only", "", "bring this alone back: log or vault")
	cmd.Flags().BoolVar(&check, "check", false, "verify the backup and change nothing")
	return cmd
}

func restore(cmd *cobra.Command, folder, only string, check bool) error {
	m, err := readManifest(folder)
	if err != nil {
		return err
	}
	bar := newBar(cmd.ErrOrStderr(), "verifying the backup", m.bytes())
	if err := m.verify(folder, bar); err != nil {
		return err
	}
	_ = bar.Finish()
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "The backup of %s is whole: %d events up to position %d, %d rows of the vault, %d files.\n",
		m.Began.Format("2006-01-02 15:04:05 MST"), m.Log.Events, m.Log.Head, m.Vault.Rows(), len(m.blobs()))
	if check {
		return nil
	}
	c, _, err := settings(cmd)
	if err != nil {
		return err
	}
	r := restoring{manifest: m, folder: folder, config: c, logger: quieter(cmd), progress: cmd.ErrOrStderr()}
	if err := r.run(cmd.Context(), only); err != nil {
		return err
	}
	fmt.Fprintln(out, "Restored.", map[string]string{
		"":        "Start the server: it builds the read models anew.",
		onlyLog:   "Now let the database follow it: client-secrets log adopt",
		onlyVault: "The event log was not touched.",
	}[only])
	return nil
}

// restoring is a restore under way.
type restoring struct {
	manifest manifest
	folder   string
	config   config
	logger   *slog.Logger
	progress io.Writer
}

// run looks whether both places are empty, prepares the log beside its place, loads the vault, and puts the log in its
// place last. A crash before that leaves no log and perhaps a filled vault: the next try then asks for an empty database.
func (r restoring) run(ctx context.Context, only string) (err error) {
	var dir string
	if only != onlyVault {
		if dir, err = r.emptyLog(); err != nil {
			return err
		}
	}
	b := &backends{}
	defer func() { err = errors.Join(err, b.close()) }()
	if only != onlyLog {
		if err := os.MkdirAll(r.config.DataDir, 0o755); r.config.dev && err != nil {
			return fmt.Errorf("making DATA_DIR: %w", err)
		}
		if err := b.openDatabase(ctx, r.config, r.logger); err != nil {
			return err
		}
		if err := withoutReadModels(ctx, b.pool, only); err != nil {
			return err
		}
	}
	var log *embedded.Restored
	if dir != "" {
		log, err = embedded.Restore(ctx, dir, r.logger, r.manifest.savedLog(r.folder, r.progress))
		if err != nil {
			return err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, log.Discard())
			}
		}()
	}
	if b.pool != nil {
		if err := r.loadVault(ctx, b.pool); err != nil {
			return err
		}
	}
	if log == nil {
		return nil
	}
	if err := log.Publish(); err != nil {
		return err
	}
	return r.checkHead(ctx)
}

// loadVault puts the files where they belong, then the tables that name them, and compares both.
func (r restoring) loadVault(ctx context.Context, pool *pgxpool.Pool) error {
	blobs := r.manifest.blobs()
	file := func(blob uuid.UUID) (io.ReadCloser, error) { return os.Open(filepath.Join(r.folder, blobFile(blob))) }
	if err := vault.LoadFiles(ctx, r.config.BlobURL, slices.Collect(maps.Keys(blobs)), file); err != nil {
		return err
	}
	table := func(name string) (io.ReadCloser, error) { return openBackupFile(r.folder, vaultFile(name)) }
	if err := vault.Load(ctx, vault.LoadConfig{Pool: pool, KMSURL: r.config.KMSURL}, r.manifest.Vault, table); err != nil {
		return err
	}
	return vault.CheckFiles(ctx, pool, blobs, r.manifest.Gone)
}

// emptyLog returns the folder that the log goes to.
func (r restoring) emptyLog() (string, error) {
	dir, ok := strings.CutPrefix(r.config.EventStoreURL, embeddedScheme)
	if !ok {
		return "", errors.New("an event log is restored into a folder: set EVENTSTORE_URL=embedded:<folder>, and have eventstored serve that folder. " +
			"A cluster is restored by its own tools; --only vault restores the rest")
	}
	return dir, embedded.Vacant(dir)
}

// withoutReadModels fails if a database has read models: they would be of another log. Those of the log that a vault is
// restored to, alone, are not its concern.
func withoutReadModels(ctx context.Context, pool *pgxpool.Pool, only string) error {
	if only == onlyVault {
		return nil
	}
	var there bool
	err := pool.QueryRow(ctx, "SELECT to_regclass('ops.projections') IS NOT NULL").Scan(&there)
	if err == nil && there {
		err = pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM ops.projections)").Scan(&there)
	}
	if err != nil {
		return fmt.Errorf("looking for read models: %w", err)
	}
	if there {
		return errors.New("the database has read models already: restore into an empty database, or only the log with --only log")
	}
	return nil
}

// checkHead opens the restored log as a server does and looks for the event that the backup ends with.
func (r restoring) checkHead(ctx context.Context) (err error) {
	b := &backends{}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.openLog(ctx, r.config, r.logger); err != nil {
		return err
	}
	if err := eventstore.Guard(ctx, b.log, r.manifest.Log.Head, r.manifest.Log.HeadID); err != nil {
		return fmt.Errorf("checking the restored log: %w", err)
	}
	return nil
}
