package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/eventstore"
	"github.com/kdesk/client-secrets/eventstore/embedded"
	"github.com/kdesk/client-secrets/vault"
)

func newBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup <folder>",
		Short: "Copy the event log, the vault and the files into a new folder",
		Long: "Copy the event log, then the vault, then the files of BLOB_URL into a new folder, beside a running server or without one.\n" +
			"Read models are not in it: they are rebuilt. Neither is the root key: keep a copy of it apart.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return backup(cmd, args[0]) },
	}
}

func backup(cmd *cobra.Command, folder string) (err error) {
	c, _, err := settings(cmd)
	if err != nil {
		return err
	}
	w, err := newBackupWriter(folder)
	if err != nil {
		return err
	}
	defer w.discard()
	ctx, b := cmd.Context(), &backends{}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := errors.Join(b.openDatabase(ctx, c, quieter(cmd)), b.openLog(ctx, c, quieter(cmd))); err != nil {
		return err
	}
	m := manifest{Format: backupFormat, Program: release(), Began: time.Now().UTC(), Remember: rememberRootKey}
	// The log first: values are stored before the events that name them, so that the vault, copied later, has them all.
	if m.Log, err = b.copyLog(ctx, w, cmd.ErrOrStderr()); err != nil {
		return fmt.Errorf("copying the event log: %w", err)
	}
	m.Vault, err = vault.Dump(ctx, b.pool, func(table string) (io.WriteCloser, error) { return w.create(vaultFile(table)) })
	if err != nil {
		return err
	}
	if m.Gone, err = vault.DumpFiles(ctx, vault.FileStore{Pool: b.pool, BlobURL: c.BlobURL}, m.Vault.Files, func(blob uuid.UUID) (io.WriteCloser, error) {
		return w.createPlain(blobFile(blob))
	}); err != nil {
		return err
	}
	m.Finished = time.Now().UTC()
	sum, err := w.finish(m)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s has %d events up to position %d, %d rows of the vault and %d files.\nIts manifest's SHA-256 is %s\n%s\n",
		folder, m.Log.Events, m.Log.Head, m.Vault.Rows(), len(m.Vault.Files)-len(m.Gone), sum, rememberRootKey)
	return nil
}

// release names what wrote a backup.
func release() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return info.Main.Path + " " + s.Value
			}
		}
		return info.Main.Path + " " + info.Main.Version
	}
	return "unknown"
}

// savedEvent is a line of the log's file.
type savedEvent struct {
	Position uint64    `json:"position"`
	Stream   string    `json:"stream"`
	Revision uint64    `json:"revision"`
	ID       uuid.UUID `json:"id"`
	Type     string    `json:"type"`
	Binary   bool      `json:"binary,omitempty"`
	Created  time.Time `json:"created"`
	Data     []byte    `json:"data"`
	Metadata []byte    `json:"metadata"`
}

// copyLog writes what is in the log when it begins, up to the last event of the product.
func (b *backends) copyLog(ctx context.Context, w *backupWriter, progress io.Writer) (part logPart, err error) {
	if part.Head, err = b.log.Head(ctx); err != nil {
		return part, err
	}
	out, err := w.create(logFile)
	if err != nil {
		return part, err
	}
	bar, lines := newBar(progress, "copying the event log", int64(part.Head)), json.NewEncoder(out)
	for r, err := range b.log.Everything(ctx) {
		if err == nil && r.Position > part.Head {
			break
		}
		if err == nil {
			err = lines.Encode(savedEvent{uint64(r.Position), r.Stream, r.Revision, r.ID, r.Type, r.Binary, r.At.UTC(), r.Data, r.Metadata})
		}
		if err != nil {
			return part, errors.Join(err, out.Close())
		}
		part.Events++
		part.HeadID = r.ID
		if part.Events%1000 == 0 {
			_ = bar.Set64(int64(r.Position))
		}
	}
	_ = bar.Finish()
	return part, out.Close()
}

// savedLog yields the events of a backup, and at the end fails unless they are those that the manifest tells of.
func (m manifest) savedLog(folder string, progress io.Writer) iter.Seq2[embedded.Stored, error] {
	return func(yield func(embedded.Stored, error) bool) {
		in, err := openBackupFile(folder, logFile)
		if err != nil {
			yield(embedded.Stored{}, err)
			return
		}
		defer in.Close()
		bar, lines := newBar(progress, "restoring the event log", int64(m.Log.Head)), json.NewDecoder(in)
		got := logPart{}
		for {
			var e savedEvent
			if err := lines.Decode(&e); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				yield(embedded.Stored{}, fmt.Errorf("reading event %d of the backup: %w", got.Events, err))
				return
			}
			got = logPart{got.Events + 1, eventstore.Position(e.Position), e.ID}
			if !yield(e.stored(), nil) {
				return
			}
			if got.Events%1000 == 0 {
				_ = bar.Set64(int64(e.Position))
			}
		}
		_ = bar.Finish()
		if got != m.Log {
			yield(embedded.Stored{}, fmt.Errorf("the backup has %d events up to position %d where the manifest tells of %d up to %d",
				got.Events, got.Head, m.Log.Events, m.Log.Head))
		}
	}
}

func (e savedEvent) stored() embedded.Stored {
	return embedded.Stored{ID: e.ID, Stream: e.Stream, Revision: e.Revision, Position: e.Position, Type: e.Type, JSON: !e.Binary,
		Data: e.Data, Metadata: e.Metadata, Created: e.Created}
}
