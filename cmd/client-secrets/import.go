package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/commands/imports"
)

// importing is what the flags of an import say.
type importing struct {
	workspace string
	imports.Options
}

func newImport() *cobra.Command {
	var in importing
	cmd := &cobra.Command{
		Use:   "import bitwarden|keeper|csv <file>",
		Short: "Make secrets of an export file",
		Long: "Make secrets of an export file: Bitwarden's or Keeper's JSON, unencrypted, or a CSV whose first line names the columns.\n" +
			"Prints a report as JSON: what became of every record, and no value. Repeating it is safe: what is there is left alone.\n" +
			"Fields of a CSV are sensitive unless named with --plain. Works beside a running server and without one.\n" +
			"It is recorded as the operator's doing. Delete the file afterwards: it holds everything in the clear.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return importFile(cmd, args[0], args[1], in) },
	}
	flags := cmd.Flags()
	flags.StringVar(&in.workspace, "workspace", "", "the workspace's id (required)")
	flags.BoolVar(&in.DryRun, "dry-run", false, "report what would be done, and do nothing")
	flags.StringVar(&in.Columns.ID, "id", "", "CSV: the column that identifies a row; otherwise its whole content does")
	flags.StringVar(&in.Columns.Name, "name", "", "CSV: the column of names; name unless given")
	flags.StringVar(&in.Columns.Description, "description", "", "CSV: the column of descriptions; description unless given")
	flags.StringVar(&in.Columns.ExpiresAt, "expires-at", "", "CSV: the column of expiries, days or RFC 3339 times; expires_at unless given")
	flags.StringArrayVar(&in.Columns.Plain, "plain", nil, "CSV: a column that is not sensitive; may be repeated")
	flags.StringArrayVar(&in.Columns.Skip, "skip", nil, "CSV: a column that is not imported; may be repeated")
	if err := cmd.MarkFlagRequired("workspace"); err != nil {
		panic(err)
	}
	return cmd
}

func importFile(cmd *cobra.Command, format, path string, in importing) error {
	req := byOperator()
	var err error
	if req.Workspace, err = uuid.Parse(in.workspace); err != nil {
		return errors.New("the workspace's id is no UUID")
	}
	c, _, err := settings(cmd)
	if err != nil {
		return err
	}
	file, err := readImport(path, c.ImportLimit)
	if err != nil {
		return err
	}
	return withProduct(cmd, c, func(ctx context.Context, p *product) error {
		bar := newBar(cmd.ErrOrStderr(), "importing records", -1)
		in.Progress = func() { _ = bar.Add(1) }
		report, err := p.commands.imports.File(ctx, req, format, file, in.Options)
		_ = bar.Finish()
		if err != nil {
			return err
		}
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(report); err != nil {
			return err
		}
		if n := report.Counts[imports.Failed]; n > 0 {
			return fmt.Errorf("%d of %d records failed", n, len(report.Items))
		}
		return nil
	})
}

// readImport reads a file of at most limit bytes.
func readImport(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(file) > limit {
		err = fmt.Errorf("the file is larger than IMPORT_BYTES allows, %d bytes", limit)
	}
	return file, err
}
