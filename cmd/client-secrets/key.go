package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kdesk/client-secrets/vault"
)

func newKey() *cobra.Command {
	cmd := parent("key", "Make root keys")
	cmd.AddCommand(&cobra.Command{
		Use:   "create <file>",
		Short: "Make a new root key in a file; an existing one is never replaced",
		Long: "Make a new root key in a file that only its owner reads, for KMS_URL=file://<file>.\n" +
			"Without this key nothing in the vault can be read: keep a copy apart from the database's backups.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := vault.CreateKeyFile(args[0]); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "made", args[0])
			return nil
		},
	})
	return cmd
}
